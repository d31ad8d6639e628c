//! Order-preserving key bytes.
