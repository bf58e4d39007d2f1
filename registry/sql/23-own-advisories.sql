-- How many a tenant has written is counted at each new one, beside very many that were imported.
CREATE INDEX advisory_own ON advisory (tenant) WHERE own = 1;
