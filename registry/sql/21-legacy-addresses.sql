-- {"addresses":["10.0.0.0/8"]} of a legacy token that is limited to them; NULL: to none that can be told.
ALTER TABLE legacy_token ADD COLUMN addresses TEXT;
