"""AWS KMS as tables, for the model alone: nothing here is taken from Keystead.

Sources: "Key states of AWS KMS keys", "Key spec reference" and the operations' own pages in the AWS documentation,
corrected by what the service was recorded to answer.
"""

from __future__ import annotations

DAY = 86_400.0

# --- key specs ------------------------------------------------------------------------------------------------------

_RSA = {
    "ENCRYPT_DECRYPT": ["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"],
    "SIGN_VERIFY": [
        *(f"RSASSA_PKCS1_V1_5_SHA_{bits}" for bits in (256, 384, 512)),
        *(f"RSASSA_PSS_SHA_{bits}" for bits in (256, 384, 512)),
    ],
}


def _curve(bits: int) -> dict[str, list[str]]:
    return {"SIGN_VERIFY": [f"ECDSA_SHA_{bits}"], "KEY_AGREEMENT": ["ECDH"]}


#: KeySpec -> KeyUsage -> algorithms, in the order in which DescribeKey lists them.
SPECS: dict[str, dict[str, list[str]]] = {
    "SYMMETRIC_DEFAULT": {"ENCRYPT_DECRYPT": ["SYMMETRIC_DEFAULT"]},
    "RSA_2048": _RSA,
    "RSA_3072": _RSA,
    "RSA_4096": _RSA,
    "ECC_NIST_P256": _curve(256),
    "ECC_NIST_P384": _curve(384),
    "ECC_NIST_P521": _curve(512),
    "ECC_SECG_P256K1": {"SIGN_VERIFY": ["ECDSA_SHA_256"]},
    "ECC_NIST_EDWARDS25519": {"SIGN_VERIFY": ["ED25519_PH_SHA_512", "ED25519_SHA_512"]},
    **{f"HMAC_{bits}": {"GENERATE_VERIFY_MAC": [f"HMAC_SHA_{bits}"]} for bits in (224, 256, 384, 512)},
    **{f"ML_DSA_{level}": {"SIGN_VERIFY": ["ML_DSA_SHAKE_256"]} for level in (44, 65, 87)},
    **{f"ML_KEM_{level}": {"ENCAPSULATE_DECAPSULATE": ["ML_KEM"]} for level in (512, 768, 1024)},
}

#: The member of KeyMetadata and of GetPublicKey that lists the algorithms of a usage.
ALGORITHMS_MEMBER = {
    "ENCRYPT_DECRYPT": "EncryptionAlgorithms",
    "SIGN_VERIFY": "SigningAlgorithms",
    "GENERATE_VERIFY_MAC": "MacAlgorithms",
    "KEY_AGREEMENT": "KeyAgreementAlgorithms",
    "ENCAPSULATE_DECAPSULATE": "EncapsulationAlgorithms",
}

SYMMETRIC = "SYMMETRIC_DEFAULT"


def is_asymmetric(spec: str) -> bool:
    return spec != SYMMETRIC and not spec.startswith("HMAC")


#: Bytes of a signature, a MAC, a secret agreed on, a public key (DER SubjectPublicKeyInfo). ECDSA's vary: DER.
SIGNATURE_BYTES = {"RSA_2048": 256, "RSA_3072": 384, "RSA_4096": 512, "ECC_NIST_EDWARDS25519": 64}
SIGNATURE_BYTES |= {"ML_DSA_44": 2_420, "ML_DSA_65": 3_309, "ML_DSA_87": 4_627}
MAC_BYTES = {"HMAC_224": 28, "HMAC_256": 32, "HMAC_384": 48, "HMAC_512": 64}
SECRET_BYTES = {"ECC_NIST_P256": 32, "ECC_NIST_P384": 48, "ECC_NIST_P521": 66}
PUBLIC_KEY_BYTES = {"RSA_2048": 294, "RSA_3072": 422, "RSA_4096": 550, "ECC_NIST_P256": 91, "ECC_NIST_P384": 120}
PUBLIC_KEY_BYTES |= {"ECC_NIST_P521": 158, "ECC_SECG_P256K1": 88, "ECC_NIST_EDWARDS25519": 44, "ML_DSA_65": 1_974}
ENCAPSULATED_BYTES = {"ML_KEM_512": 768, "ML_KEM_768": 1_088, "ML_KEM_1024": 1_568}

#: The longest message of RSA encryption: what the modulus leaves when twice the hash and two bytes are taken off.
RSA_PLAINTEXT_BYTES = {
    (spec, algorithm): bits // 8 - 2 * digest - 2
    for spec, bits in (("RSA_2048", 2_048), ("RSA_3072", 3_072), ("RSA_4096", 4_096))
    for algorithm, digest in (("RSAES_OAEP_SHA_1", 20), ("RSAES_OAEP_SHA_256", 32))
}


def digest_bytes(algorithm: str) -> int:
    """Of the hash that a signing algorithm names."""
    return int(algorithm.rsplit("_", 1)[1]) // 8


# --- import ---------------------------------------------------------------------------------------------------------

_OAEP = ("RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256")
_AES = ("RSA_AES_KEY_WRAP_SHA_1", "RSA_AES_KEY_WRAP_SHA_256")
_MACS = {"HMAC_224": (28, 128), "HMAC_256": (32, 128), "HMAC_384": (48, 128), "HMAC_512": (64, 128)}

#: KeySpec -> how its material may be wrapped for import.
WRAPPING = {
    "SYMMETRIC_DEFAULT": _OAEP,
    **dict.fromkeys(_MACS, _OAEP),
    **dict.fromkeys(("RSA_2048", "RSA_3072", "RSA_4096"), _AES),
    **dict.fromkeys([spec for spec in SPECS if spec.startswith("ECC")], (*_OAEP, *_AES)),
}

#: KeySpec -> least and most bytes of material. Of private keys it is enough here to tell them from nonsense.
MATERIAL_SIZES = {**dict.fromkeys(WRAPPING, (40, 4_096)), **_MACS, "SYMMETRIC_DEFAULT": (32, 32)}

# --- states ---------------------------------------------------------------------------------------------------------

#: A letter of the table below -> code and the end of the sentence that begins with the key's ARN.
REFUSALS = {
    "D": ("DisabledException", "is disabled."),
    "P": ("KMSInvalidStateException", "is pending deletion."),
    "I": ("KMSInvalidStateException", "is pending import."),
    "C": ("KMSInvalidStateException", "is creating."),
    "U": ("KMSInvalidStateException", "is updating."),
    "N": ("KMSInvalidStateException", "is not pending deletion."),
}

_COLUMNS = ("Enabled", "Disabled", "PendingDeletion", "PendingReplicaDeletion", "PendingImport", "Creating", "Updating")

#: Operations and what each state says: "." allows.                        En Di PD PR PI Cr Up
_STATES = {
    "CancelKeyDeletion":                                                  "N  N  .  .  N  N  N",
    "CreateAlias TagResource UntagResource UpdateKeyDescription UpdateAlias": ".  .  P  P  .  .  .",
    "DisableKey EnableKey":                                               ".  .  P  P  I  C  U",
    "ScheduleKeyDeletion":                                                ".  .  P  P  .  .  U",
    "Encrypt Decrypt ReEncrypt GenerateDataKey GenerateDataKeyWithoutPlaintext GenerateDataKeyPair "
    "GenerateDataKeyPairWithoutPlaintext GenerateMac VerifyMac Sign Verify DeriveSharedSecret Encapsulate "
    "Decapsulate":                                                        ".  D  P  P  I  C  .",
    "CreateGrant":                                                        ".  D  P  P  I  C  .",
    "GetPublicKey":                                                       ".  .  P  P  I  C  .",
    "EnableKeyRotation DisableKeyRotation":                               ".  D  P  P  I  C  .",
    "RotateKeyOnDemand":                                                  ".  D  P  P  I  C  U",
    "GetParametersForImport":                                             ".  .  P  P  .  C  U",
    "ImportKeyMaterial":                                                  ".  .  P  P  .  C  .",
    "DeleteImportedKeyMaterial":                                          ".  .  .  .  .  C  U",
    "ReplicateKey":                                                       ".  D  P  P  I  C  U",
    "UpdatePrimaryRegion":                                                ".  D  P  P  I  C  .",
}  # fmt: skip

#: (operation, state) -> letter. Operations that are not in the table are allowed in every state.
STATES = {
    (operation, state): letter
    for operations, row in _STATES.items()
    for operation in operations.split()
    for state, letter in zip(_COLUMNS, row.split(), strict=True)
}

# --- operations -----------------------------------------------------------------------------------------------------

#: Operations whose KeyId may be an alias.
BY_ALIAS = frozenset(
    """DescribeKey GetPublicKey Encrypt Decrypt ReEncrypt GenerateDataKey GenerateDataKeyWithoutPlaintext
    GenerateDataKeyPair GenerateDataKeyPairWithoutPlaintext GenerateMac VerifyMac Sign Verify DeriveSharedSecret
    Encapsulate Decapsulate""".split()
)

#: Grant operations that an encryption context goes with.
WITH_CONTEXT = frozenset(
    """Encrypt Decrypt ReEncryptFrom ReEncryptTo GenerateDataKey GenerateDataKeyWithoutPlaintext GenerateDataKeyPair
    GenerateDataKeyPairWithoutPlaintext""".split()
)

_EVERY_KEY = ["CreateGrant", "RetireGrant", "DescribeKey"]

#: KeyUsage -> what a grant may allow, of symmetric keys for encryption and of all others.
GRANTABLE = {
    "SYMMETRIC_DEFAULT": [*sorted(WITH_CONTEXT), *_EVERY_KEY],
    "ENCRYPT_DECRYPT": ["Encrypt", "Decrypt", "ReEncryptFrom", "ReEncryptTo", "GetPublicKey", *_EVERY_KEY],
    "SIGN_VERIFY": ["Sign", "Verify", "GetPublicKey", *_EVERY_KEY],
    "GENERATE_VERIFY_MAC": ["GenerateMac", "VerifyMac", *_EVERY_KEY],
    "KEY_AGREEMENT": ["DeriveSharedSecret", "GetPublicKey", *_EVERY_KEY],
    "ENCAPSULATE_DECAPSULATE": ["Encapsulate", "Decapsulate", "GetPublicKey", *_EVERY_KEY],
}

#: Operations on a key of another account.
ACROSS_ACCOUNTS = BY_ALIAS | frozenset("CreateGrant RevokeGrant RetireGrant ListGrants GetKeyRotationStatus".split())
