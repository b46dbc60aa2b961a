//! The hub's rules: identities, twins, access, and the ports they stand on.
