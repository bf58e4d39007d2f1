-- What a token is held to: a JSON object of lists (addresses, names, tenants), of flags and, of a token that
-- is nobody's, of who it acts as; NULL: nothing.
ALTER TABLE token ADD COLUMN limits TEXT;
ALTER TABLE token ADD COLUMN description TEXT NOT NULL DEFAULT '';
