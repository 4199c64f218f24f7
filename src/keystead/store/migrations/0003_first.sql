-- The first schema: accounts, keys with their material, aliases and grants, identities with their policies, access keys, the key hierarchy,
-- the change log and the outbox.
-- Words with a dollar sign are the database's own spelling of a type or option (each database's file has the table).
-- "mac" is the row's MAC (store/rows.py). References are deferred: a transaction may write its rows in any order.

-- Every sealed byte string lives here and nowhere else. A row is never deleted and never changes its size: it is overwritten in place
-- and used again. Why: store/vault.py.
CREATE TABLE sealed (
  slot $sequence,
  data $bytes NOT NULL
) $strict;

CREATE TABLE wiped (
  slot $integer NOT NULL PRIMARY KEY REFERENCES sealed (slot),
  size $integer NOT NULL
) $strict;

CREATE INDEX wiped_by_size ON wiped (size);

CREATE TABLE meta (
  name TEXT NOT NULL PRIMARY KEY,
  value $bytes NOT NULL
) $strict;

CREATE TABLE slots (
  number $integer NOT NULL PRIMARY KEY,
  kind TEXT NOT NULL,
  parameters TEXT NOT NULL,
  slot $integer NOT NULL UNIQUE REFERENCES sealed (slot) DEFERRABLE INITIALLY DEFERRED
) $strict;

CREATE TABLE domain_keys (
  version $integer NOT NULL PRIMARY KEY,
  slot $integer NOT NULL UNIQUE REFERENCES sealed (slot) DEFERRABLE INITIALLY DEFERRED,
  created $seconds NOT NULL,
  retired $seconds
) $strict;

CREATE TABLE accounts (
  account TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  slot $integer NOT NULL UNIQUE REFERENCES sealed (slot) DEFERRABLE INITIALLY DEFERRED,
  created $seconds NOT NULL
) $strict;

CREATE TABLE keys (
  account TEXT NOT NULL REFERENCES accounts (account) DEFERRABLE INITIALLY DEFERRED,
  region TEXT NOT NULL,
  key_id TEXT NOT NULL,
  ref $bytes NOT NULL,
  spec TEXT NOT NULL,
  usage TEXT NOT NULL,
  origin TEXT NOT NULL,
  manager TEXT NOT NULL,
  state TEXT NOT NULL,
  description TEXT NOT NULL,
  created $seconds NOT NULL,
  policy TEXT NOT NULL,
  material_id TEXT,
  deletion_date $seconds,
  multi_region $integer NOT NULL,
  tags TEXT NOT NULL,
  primary_region TEXT,
  rotation_period_days $integer,
  next_rotation $seconds,
  expiration_model TEXT,
  valid_to $seconds,
  pending_window_days $integer,
  mac $bytes NOT NULL,
  PRIMARY KEY (account, region, key_id),
  -- Related multi-Region keys share it. In this order it also finds them.
  UNIQUE (ref, region)
) $strict;

CREATE INDEX keys_of_aws ON keys (account, region) WHERE manager = 'AWS';

CREATE INDEX keys_by_deletion_date ON keys (deletion_date) WHERE deletion_date IS NOT NULL;
CREATE INDEX keys_by_next_rotation ON keys (next_rotation) WHERE next_rotation IS NOT NULL;
CREATE INDEX keys_by_valid_to ON keys (valid_to) WHERE valid_to IS NOT NULL;

CREATE TABLE aliases (
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  name TEXT NOT NULL,
  key_id TEXT NOT NULL,
  created $seconds NOT NULL,
  updated $seconds NOT NULL,
  mac $bytes NOT NULL,
  PRIMARY KEY (account, region, name),
  FOREIGN KEY (account, region, key_id) REFERENCES keys (account, region, key_id) DEFERRABLE INITIALLY DEFERRED
) $strict;

CREATE INDEX aliases_by_key ON aliases (account, region, key_id, name);

CREATE TABLE wrap_keys (
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  key_id TEXT NOT NULL,
  slot $integer NOT NULL UNIQUE REFERENCES sealed (slot) DEFERRABLE INITIALLY DEFERRED,
  PRIMARY KEY (account, region, key_id),
  FOREIGN KEY (account, region, key_id) REFERENCES keys (account, region, key_id) DEFERRABLE INITIALLY DEFERRED
) $strict;

CREATE TABLE materials (
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  key_id TEXT NOT NULL,
  material_id TEXT NOT NULL,
  version $integer NOT NULL,
  spec TEXT NOT NULL,
  slot $integer NOT NULL UNIQUE REFERENCES sealed (slot) DEFERRABLE INITIALLY DEFERRED,
  created $seconds NOT NULL,
  PRIMARY KEY (account, region, key_id, material_id),
  UNIQUE (account, region, key_id, version),
  FOREIGN KEY (account, region, key_id) REFERENCES keys (account, region, key_id) DEFERRABLE INITIALLY DEFERRED
) $strict;

-- What is known of each material. It stays when the bytes of an imported one are deleted.
CREATE TABLE material_facts (
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  key_id TEXT NOT NULL,
  material_id TEXT NOT NULL,
  version $integer NOT NULL,
  state TEXT NOT NULL,
  present $integer NOT NULL,
  created $seconds NOT NULL,
  rotation_date $seconds,
  rotation_type TEXT,
  expiration_model TEXT,
  valid_to $seconds,
  description TEXT,
  mac $bytes NOT NULL,
  PRIMARY KEY (account, region, key_id, material_id),
  UNIQUE (account, region, key_id, version),
  FOREIGN KEY (account, region, key_id) REFERENCES keys (account, region, key_id) DEFERRABLE INITIALLY DEFERRED
) $strict;

CREATE TABLE grants (
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  key_id TEXT NOT NULL,
  grant_id TEXT NOT NULL,
  grantee TEXT NOT NULL,
  operations TEXT NOT NULL,
  issuing_account TEXT NOT NULL,
  created $seconds NOT NULL,
  name TEXT,
  grantee_service $integer NOT NULL,
  retiring TEXT,
  retiring_service $integer NOT NULL,
  context_equals TEXT,
  context_subset TEXT,
  source_arn TEXT,
  likeness TEXT,
  demand TEXT NOT NULL,
  bits $integer NOT NULL,
  describes TEXT,
  mac $bytes NOT NULL,
  PRIMARY KEY (account, region, key_id, grant_id),
  FOREIGN KEY (account, region, key_id) REFERENCES keys (account, region, key_id) DEFERRABLE INITIALLY DEFERRED
) $strict;

CREATE INDEX grants_by_grantee ON grants (account, region, key_id, grantee, grant_id);
CREATE INDEX grants_by_demand ON grants (account, region, key_id, grantee, demand, bits, issuing_account);
CREATE INDEX grants_that_describe ON grants (account, region, key_id, grantee, describes, issuing_account) WHERE describes IS NOT NULL;
CREATE INDEX grants_by_likeness ON grants (account, region, key_id, likeness) WHERE likeness IS NOT NULL;
CREATE INDEX grants_by_retiring ON grants (region, retiring, grant_id) WHERE retiring IS NOT NULL;

-- How many grants a key has, and of what shapes those of each grantee are (domain/holdings.py). They say where to look, and what is found
-- is authenticated: they have no MAC.
CREATE TABLE grant_counts (
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  key_id TEXT NOT NULL,
  held $integer NOT NULL,
  PRIMARY KEY (account, region, key_id),
  FOREIGN KEY (account, region, key_id) REFERENCES keys (account, region, key_id) DEFERRABLE INITIALLY DEFERRED
) $strict;

CREATE TABLE grant_shapes (
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  key_id TEXT NOT NULL,
  grantee TEXT NOT NULL,
  shape TEXT NOT NULL,
  held $integer NOT NULL,
  PRIMARY KEY (account, region, key_id, grantee, shape),
  FOREIGN KEY (account, region, key_id) REFERENCES keys (account, region, key_id) DEFERRABLE INITIALLY DEFERRED
) $strict;

-- Decides nothing, so it has no MAC.
CREATE TABLE last_uses (
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  key_id TEXT NOT NULL,
  operation TEXT NOT NULL,
  at $seconds NOT NULL,
  event_id TEXT NOT NULL,
  request_id TEXT NOT NULL,
  PRIMARY KEY (account, region, key_id),
  FOREIGN KEY (account, region, key_id) REFERENCES keys (account, region, key_id) DEFERRABLE INITIALLY DEFERRED
) $strict;

-- Root users, users and roles. "folded" is the name in small letters: names are unique irrespective of case.
CREATE TABLE identities (
  unique_id TEXT NOT NULL PRIMARY KEY,
  arn TEXT NOT NULL UNIQUE,
  account TEXT NOT NULL REFERENCES accounts (account) DEFERRABLE INITIALLY DEFERRED,
  kind TEXT NOT NULL,
  path TEXT NOT NULL,
  name TEXT NOT NULL,
  folded TEXT NOT NULL,
  created $seconds NOT NULL,
  tags TEXT NOT NULL,
  inline TEXT NOT NULL,
  attached TEXT NOT NULL,
  boundary TEXT,
  member_of TEXT NOT NULL,
  trust TEXT,
  description TEXT,
  max_session $integer NOT NULL,
  mac $bytes NOT NULL,
  UNIQUE (account, kind, folded)
) $strict;

CREATE INDEX identities_by_name ON identities (account, kind, name);

CREATE TABLE user_groups (
  unique_id TEXT NOT NULL PRIMARY KEY,
  account TEXT NOT NULL REFERENCES accounts (account) DEFERRABLE INITIALLY DEFERRED,
  path TEXT NOT NULL,
  name TEXT NOT NULL,
  folded TEXT NOT NULL,
  created $seconds NOT NULL,
  inline TEXT NOT NULL,
  attached TEXT NOT NULL,
  mac $bytes NOT NULL,
  UNIQUE (account, folded),
  UNIQUE (account, name)
) $strict;

CREATE TABLE managed_policies (
  arn TEXT NOT NULL PRIMARY KEY,
  account TEXT NOT NULL REFERENCES accounts (account) DEFERRABLE INITIALLY DEFERRED,
  path TEXT NOT NULL,
  name TEXT NOT NULL,
  folded TEXT NOT NULL,
  unique_id TEXT NOT NULL UNIQUE,
  created $seconds NOT NULL,
  updated $seconds NOT NULL,
  description TEXT NOT NULL,
  default_version $integer NOT NULL,
  newest_version $integer NOT NULL,
  versions TEXT NOT NULL,
  tags TEXT NOT NULL,
  mac $bytes NOT NULL,
  UNIQUE (account, folded)
) $strict;

CREATE INDEX managed_policies_by_name ON managed_policies (account, name);

-- Who is in a group, and whom a managed policy is attached to: what stands in the rows above, the other way round. They say where to look,
-- and what is found is authenticated: they have no MAC. "of_account" is the ARN again where the policy is one of an account; those of AWS
-- are no rows.
CREATE TABLE group_members (
  account TEXT NOT NULL,
  name TEXT NOT NULL,
  member TEXT NOT NULL,
  PRIMARY KEY (account, name, member),
  FOREIGN KEY (account, name) REFERENCES user_groups (account, name) DEFERRABLE INITIALLY DEFERRED
) $strict;

CREATE TABLE attachments (
  account TEXT NOT NULL,
  policy_arn TEXT NOT NULL,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  as_boundary $integer NOT NULL,
  of_account TEXT REFERENCES managed_policies (arn) DEFERRABLE INITIALLY DEFERRED,
  PRIMARY KEY (account, policy_arn, kind, name, as_boundary)
) $strict;

CREATE INDEX attachments_of_account ON attachments (of_account) WHERE of_account IS NOT NULL;

CREATE TABLE access_keys (
  access_key_id TEXT NOT NULL PRIMARY KEY,
  identity_id TEXT NOT NULL REFERENCES identities (unique_id) DEFERRABLE INITIALLY DEFERRED,
  slot $integer NOT NULL UNIQUE REFERENCES sealed (slot) DEFERRABLE INITIALLY DEFERRED,
  active $integer NOT NULL,
  created $seconds NOT NULL,
  mac $bytes NOT NULL
) $strict;

CREATE INDEX access_keys_by_identity ON access_keys (identity_id);

-- Of an access key, or of the sessions of a role by its unique id. Decides nothing, so it has no MAC.
CREATE TABLE credential_uses (
  subject TEXT NOT NULL PRIMARY KEY,
  at $seconds NOT NULL,
  service TEXT NOT NULL,
  region TEXT NOT NULL
) $strict;

CREATE TABLE changes (
  seq $sequence,
  kind TEXT NOT NULL,
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  subject TEXT NOT NULL
) $strict;

CREATE TABLE outbox (
  seq $sequence,
  event_id TEXT NOT NULL UNIQUE,
  record $bytes NOT NULL,
  mac $bytes NOT NULL
) $strict;
