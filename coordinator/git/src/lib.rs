//! Git objects, the wire protocol, quarantine and the local cache.
