CREATE TABLE head (id bigint PRIMARY KEY, size bigint NOT NULL, at bigint NOT NULL);
INSERT INTO head (id, size, at) VALUES (1, 0, 0);
