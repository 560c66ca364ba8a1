//! Every decision made before the forge.
