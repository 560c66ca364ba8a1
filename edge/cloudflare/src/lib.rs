//! The gateway on Cloudflare's runtime.
