"""Who may do what: policy documents, conditions, the decision. Pure."""
