-- Staging a version is a scope of its own (bit 12), which publishing (bit 8) includes.
UPDATE token SET scopes = scopes | 4096 WHERE scopes & 256;
