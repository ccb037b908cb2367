BEGIN TRANSACTION;
CREATE TABLE addresses (
	version INTEGER NOT NULL, 
	first BLOB NOT NULL, 
	last BLOB NOT NULL, 
	prefix_length INTEGER NOT NULL, 
	subscriber INTEGER NOT NULL, 
	PRIMARY KEY (version, first), 
	FOREIGN KEY(subscriber) REFERENCES subscribers (id) ON DELETE CASCADE
);
INSERT INTO "addresses" VALUES(4,X'C0000207',X'C0000207',32,7);
INSERT INTO "addresses" VALUES(6,X'20010DB8000700000000000000000000',X'20010DB80007FFFFFFFFFFFFFFFFFFFF',48,7);
INSERT INTO "addresses" VALUES(4,X'C0000240',X'C000027F',26,4294967293);
INSERT INTO "addresses" VALUES(6,X'FF006D61630000000000020000000001',X'FF006D61630000000000020000000001',128,4294967293);
CREATE TABLE blocked_categories (
	subscriber INTEGER NOT NULL, 
	category VARCHAR NOT NULL, 
	PRIMARY KEY (subscriber, category), 
	FOREIGN KEY(subscriber) REFERENCES subscribers (id) ON DELETE CASCADE
);
INSERT INTO "blocked_categories" VALUES(7,'adult');
INSERT INTO "blocked_categories" VALUES(7,'gambling');
CREATE TABLE blocks (
	id INTEGER NOT NULL, 
	time_s BIGINT NOT NULL, 
	channel VARCHAR NOT NULL, 
	action VARCHAR NOT NULL, 
	list VARCHAR NOT NULL, 
	rule VARCHAR NOT NULL, 
	"order" INTEGER NOT NULL, 
	category VARCHAR NOT NULL, 
	reason VARCHAR NOT NULL, 
	generation BIGINT NOT NULL, 
	pseudonym VARCHAR NOT NULL, 
	count BIGINT NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT blocks_identical UNIQUE (time_s, channel, action, list, rule, "order", category, reason, generation, pseudonym)
);
INSERT INTO "blocks" VALUES(1,1795770000,'sni','drop','pta','bad.test',1,'','order',17,'2aa46aab93f6307c076dd4a61ddfcff1',2);
INSERT INTO "blocks" VALUES(2,1795856400,'dns','splash','stop-malware','m.test',0,'malware','list',18,'',1);
INSERT INTO "blocks" VALUES(3,1795770000,'lock','drop','','',0,'','pause',3,'ab868aca74da74bcaf3426f58480c4d8',1);
CREATE TABLE closed_intervals (
	subscriber INTEGER NOT NULL, 
	weekday INTEGER NOT NULL, 
	start_minute INTEGER NOT NULL, 
	minutes INTEGER NOT NULL, 
	PRIMARY KEY (subscriber, weekday, start_minute, minutes), 
	FOREIGN KEY(subscriber) REFERENCES subscribers (id) ON DELETE CASCADE
);
INSERT INTO "closed_intervals" VALUES(7,0,1260,600);
INSERT INTO "closed_intervals" VALUES(7,6,1320,540);
CREATE TABLE confidential_totals (
	worker VARCHAR NOT NULL, 
	list INTEGER NOT NULL, 
	channel INTEGER NOT NULL, 
	total BIGINT NOT NULL, 
	PRIMARY KEY (worker, list, channel)
);
INSERT INTO "confidential_totals" VALUES('dns-0',3,0,3);
CREATE TABLE csam_counts (
	hour_s BIGINT NOT NULL, 
	node VARCHAR NOT NULL, 
	list VARCHAR NOT NULL, 
	channel VARCHAR NOT NULL, 
	count BIGINT NOT NULL, 
	PRIMARY KEY (hour_s, node, list, channel)
);
INSERT INTO "csam_counts" VALUES(1795770000,'node-1','iwf','dns',3);
CREATE TABLE day_keys (
	day VARCHAR NOT NULL, 
	"key" BLOB NOT NULL, 
	PRIMARY KEY (day)
);
INSERT INTO "day_keys" VALUES('2026-11-27',X'53847D82A800C4916B3AFF4C5DB3148067331C5926A3534194D3D720C335384E');
INSERT INTO "day_keys" VALUES('2026-11-28',X'D8C26EC15E13E21D38F60E76239EB7645A029339E0646A95B30E7E3DE6D46A78');
CREATE TABLE devices (
	subscriber INTEGER NOT NULL, 
	name VARCHAR NOT NULL, 
	address VARCHAR NOT NULL, 
	PRIMARY KEY (subscriber, name), 
	FOREIGN KEY(subscriber) REFERENCES subscribers (id) ON DELETE CASCADE
);
INSERT INTO "devices" VALUES(7,'ali-phone','ff57:4e16:a506:4dd8:3896:b610:ece2:d4f');
CREATE TABLE dns_wishes (
	subscriber INTEGER NOT NULL, 
	safe_search VARCHAR NOT NULL, 
	canaries BOOLEAN NOT NULL, 
	PRIMARY KEY (subscriber), 
	FOREIGN KEY(subscriber) REFERENCES subscribers (id) ON DELETE CASCADE
);
INSERT INTO "dns_wishes" VALUES(7,'strict',1);
CREATE TABLE entries (
	"order" INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	value TEXT NOT NULL, 
	wire BLOB, 
	mode VARCHAR, 
	status VARCHAR NOT NULL, 
	reason TEXT, 
	generation BIGINT, 
	enforced_ms BIGINT, 
	revision BIGINT NOT NULL, 
	PRIMARY KEY ("order", number), 
	FOREIGN KEY("order") REFERENCES orders (id)
);
INSERT INTO "entries" VALUES(1,1,'bad.test',X'03626164047465737400','subtree','enforced',NULL,17,1795770001000,1);
INSERT INTO "entries" VALUES(1,2,'worse.test',X'05776F727365047465737400','exact','enforced',NULL,17,1795770001000,1);
INSERT INTO "entries" VALUES(1,3,'http://host.test/a/b',X'687474703A2F2F686F73742E746573742F612F62','url','enforced_http_only',NULL,17,1795770001000,1);
INSERT INTO "entries" VALUES(1,4,'portal.isp.example',X'06706F7274616C03697370076578616D706C6500','subtree','refused_protected','protected',NULL,NULL,1);
INSERT INTO "entries" VALUES(1,5,'not a name',NULL,NULL,'refused_invalid','not a name',NULL,NULL,1);
INSERT INTO "entries" VALUES(2,1,'old.test',X'036F6C64047465737400','exact','withdrawn','set aside',NULL,NULL,3);
CREATE TABLE list_counts (
	list VARCHAR NOT NULL, 
	channel VARCHAR NOT NULL, 
	count BIGINT NOT NULL, 
	PRIMARY KEY (list, channel)
);
INSERT INTO "list_counts" VALUES('tryout','dns',12);
CREATE TABLE list_totals (
	worker VARCHAR NOT NULL, 
	list INTEGER NOT NULL, 
	channel INTEGER NOT NULL, 
	total BIGINT NOT NULL, 
	PRIMARY KEY (worker, list, channel)
);
INSERT INTO "list_totals" VALUES('dns-0',4,0,1099511627776);
CREATE TABLE orders (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	issuer VARCHAR NOT NULL, 
	ref VARCHAR NOT NULL, 
	ground VARCHAR NOT NULL, 
	scope VARCHAR NOT NULL, 
	deadline_s BIGINT, 
	is_emergency BOOLEAN NOT NULL, 
	received_ms BIGINT NOT NULL, 
	sha256 BLOB NOT NULL, 
	original BLOB NOT NULL, 
	receipt TEXT, 
	withdrawn_ms BIGINT, 
	withdrawal_reason TEXT, 
	withdrawal_receipt TEXT, 
	UNIQUE (issuer, ref)
);
INSERT INTO "orders" VALUES(1,'PTA','PTA-2026-0147','PECA s. 37','subtree',1795791600,1,1795770000000,X'4136C84D45C583AC7E0C67BB7DCD92B582CF20DDFD1B4AA2EB2B54EEC3DC5F58',X'7B22697373756572223A22505441222C22726566223A225054412D323032362D30313437227D','{"generation": 17, "workers": 2}',NULL,NULL,NULL);
INSERT INTO "orders" VALUES(2,'Court','W.P. 12/2026','a judgment','exact',NULL,0,1795770000000,X'1378EC17EB1311B85140717E5379B8837EDE070FD72613E0EC3FFCE0BAFE0035',X'7B7D',NULL,1795856400000,'set aside','{"generation": 18}');
INSERT INTO "orders" VALUES(3,'PTA','L-77','as the list says','subtree',NULL,0,1795770000000,X'4B7E1CACECB6686F4A34CEA4167C999A2FEB83B216689FAEA8B64C5C5AC5DA2A',X'',NULL,NULL,NULL,NULL);
CREATE TABLE released_addresses (
	prefix VARCHAR NOT NULL, 
	revision BIGINT NOT NULL, 
	PRIMARY KEY (prefix)
);
INSERT INTO "released_addresses" VALUES('192.0.2.9/32',4);
CREATE TABLE revisions (
	name VARCHAR NOT NULL, 
	value BIGINT NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "revisions" VALUES('parental',6);
INSERT INTO "revisions" VALUES('orders',4);
CREATE TABLE sessions (
	sha256 BLOB NOT NULL, 
	token INTEGER NOT NULL, 
	expires_s BIGINT NOT NULL, 
	receipt TEXT, 
	PRIMARY KEY (sha256), 
	FOREIGN KEY(token) REFERENCES tokens (id) ON DELETE CASCADE
);
INSERT INTO "sessions" VALUES(X'FCB7577EC84B82E4F82767559B5E29E0A8ECA8FF3D3EE78EE09054960F6C007B',4,1798362000,'{"kind": "paused"}');
CREATE TABLE spool_positions (
	worker VARCHAR NOT NULL, 
	segment VARCHAR NOT NULL, 
	"offset" BIGINT NOT NULL, 
	PRIMARY KEY (worker)
);
INSERT INTO "spool_positions" VALUES('dns-0','000001',4096);
CREATE TABLE subscribers (
	id INTEGER NOT NULL, 
	label VARCHAR NOT NULL, 
	zone VARCHAR NOT NULL, 
	paused_until_s BIGINT NOT NULL, 
	revision BIGINT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "subscribers" VALUES(7,'Home 7 گھر','Asia/Karachi',0,6);
INSERT INTO "subscribers" VALUES(4294967293,'School','Asia/Karachi',1795824000,5);
CREATE TABLE tokens (
	id INTEGER NOT NULL, 
	sha256 BLOB NOT NULL, 
	role VARCHAR NOT NULL, 
	subscriber INTEGER, 
	created_s BIGINT NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (sha256), 
	FOREIGN KEY(subscriber) REFERENCES subscribers (id) ON DELETE CASCADE
);
INSERT INTO "tokens" VALUES(1,X'7FA8B3969B66BB98DD916E1F4E1F396B3A3D8167FF44D8CEF23929C27041D28D','operator',NULL,1795777232);
INSERT INTO "tokens" VALUES(2,X'04D867D0FA7F0380793C1AF83D59342A87AA0593834481303E21D2287203EFBF','regulator',NULL,1795777232);
INSERT INTO "tokens" VALUES(3,X'CE3366428D0BF016AFFBDD9996742F0444000FD88F552817CF45DDE9E7EB211B','auditor',NULL,1795777232);
INSERT INTO "tokens" VALUES(4,X'9021FA24478E7CF53AC993EF440F23A0932D7FA23109A18F8D8D42A7ED9613A4','parent',7,1795777232);
CREATE INDEX ix_subscribers_revision ON subscribers (revision);
CREATE INDEX ix_released_addresses_revision ON released_addresses (revision);
CREATE INDEX ix_blocks_time_s ON blocks (time_s);
CREATE INDEX ix_addresses_subscriber ON addresses (subscriber);
CREATE INDEX entries_by_wire ON entries (wire);
CREATE INDEX ix_entries_revision ON entries (revision);
CREATE INDEX ix_sessions_expires_s ON sessions (expires_s);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('orders',3);
COMMIT;
