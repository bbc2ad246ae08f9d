"""Secrets that have no form of their own: digits that only the name of a provider beside them tells."""

from __future__ import annotations

from gristmill.annotate.findings.forms import named, unworded

_UUID = rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_HEX32 = rb"[0-9a-f]{32}"
_HEX40 = rb"[0-9a-f]{40}"
_HEX64 = rb"[0-9a-f]{64}"

RULES = (
    named("aws-secret-key", b"aws", b"aws", rb"[A-Za-z0-9/+]{40}", unworded, score=0.95),
    named("aliyun-secret", b"iyu", b"aliyun", rb"[A-Za-z0-9]{30}", unworded),
    named("alibaba-secret", b"iba", b"alibaba", rb"[A-Za-z0-9]{30}", unworded),
    named("tencent-secret", b"cen", b"tencent", rb"[A-Za-z0-9]{32}", unworded),
    named("ibm-cloud-key", b"ibm", b"ibm", rb"[A-Za-z0-9_-]{44}", unworded),
    named("heroku-key", b"rok", b"heroku", _UUID),
    named("linode-token", b"ino", b"linode", _HEX64),
    named("scw-secret", b"scw", b"scw", _UUID),
    named("scaleway-secret", b"lew", b"scaleway", _UUID),
    named("hcloud-token", b"oud", b"hcloud", rb"[A-Za-z0-9]{64}", unworded),
    named("hetzner-token", b"tzn", b"hetzner", rb"[A-Za-z0-9]{64}", unworded),
    named("vultr-key", b"vul", b"vultr", rb"[A-Z0-9]{36}", unworded),
    named("vercel-token", b"cel", b"vercel", rb"[A-Za-z0-9]{24}", unworded),
    named("cloudflare-token", b"oud", b"cloudflare", rb"[A-Za-z0-9_-]{40}", unworded),
    named("cloudflare-key", b"oud", b"cloudflare", rb"[0-9a-f]{37}"),
    named("travis-token", b"rav", b"travis", rb"[A-Za-z0-9_-]{22}", unworded),
    named("codecov-token", b"cov", b"codecov", _UUID),
    named("snyk-key", b"sny", b"snyk", _UUID),
    named("gitea-token", b"git", b"gitea", _HEX40),
    named("vault-token", b"vau", b"vault", rb"s\.[A-Za-z0-9]{24}", unworded),
    named("okta-token", b"kta", b"okta", rb"00[A-Za-z0-9_-]{40}", unworded),
    named("cohere-key", b"coh", b"cohere", rb"[A-Za-z0-9]{40}", unworded),
    named("mistral-key", b"mis", b"mistral", rb"[A-Za-z0-9]{32}", unworded),
    named("together-secret", b"oge", b"together", _HEX64),
    named("wandb-key", b"ndb", b"wandb", _HEX40),
    named("deepgram-key", b"epg", b"deepgram", _HEX40),
    named("assemblyai-key", b"mbl", b"assembly_?ai", _HEX32),
    named("datadog-api-key", b"dog", b"datadog", rb"[0-9a-f]{32}(?:[0-9a-f]{8})?"),
    named("pagerduty-key", b"uty", b"pagerduty", rb"[A-Za-z0-9_+-]{20}", unworded),
    named("algolia-key", b"gol", b"algolia", _HEX32),
    named("rollbar-token", b"bar", b"rollbar", _HEX32),
    named("bugsnag-key", b"gsn", b"bugsnag", _HEX32),
    named("loggly-token", b"ggl", b"loggly", _UUID),
    named("influxdb-token", b"lux", b"influx", rb"[A-Za-z0-9_-]{86}=="),
    named("airtable-token", b"irt", b"airtable", rb"pat[A-Za-z0-9]{14}\.[0-9a-f]{64}", score=0.95),
    named("airtable-key", b"irt", b"airtable", rb"key[A-Za-z0-9]{14}", unworded),
    named("asana-token", b"asa", b"asana", rb"[0-2](?:/\d{10,20}){1,2}:[0-9a-f]{32}", score=0.95),
    named(
        "discord-token",
        b"isc",
        b"discord",
        rb"[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,38}",
        score=0.95,
    ),
    named("postmark-token", b"stm", b"postmark", _UUID),
    named("mailgun-secret", b"lgu", b"mailgun", rb"[0-9a-f]{32}-[0-9a-f]{8}-[0-9a-f]{8}", score=0.95),
    named("pushover-token", b"hov", b"pushover", rb"[a-z0-9]{30}", unworded),
    named("sendbird-token", b"dbi", b"sendbird", _HEX40),
    named("plaid-secret", b"aid", b"plaid", rb"[0-9a-f]{30}"),
    named("finicity-secret", b"cit", b"finicity", rb"[A-Za-z0-9]{20}", unworded),
    named("twitter-secret", b"itt", b"twitter", rb"[A-Za-z0-9]{50}|[A-Za-z0-9]{45}", unworded),
    named("twitter-bearer", b"itt", b"twitter", rb"A{19,24}[A-Za-z0-9%]{60,100}"),
    named("linkedin-secret", b"nke", b"linkedin", rb"[A-Za-z0-9]{16}", unworded),
    named("spotify-secret", b"pot", b"spotify", _HEX32),
    named("twitch-secret", b"itc", b"twitch", rb"[a-z0-9]{30}", unworded),
    named("ngrok-token", b"rok", b"ngrok", rb"[A-Za-z0-9]{27}_[A-Za-z0-9]{21}", unworded),
    named("rails-master-key", b"ils", b"rails", _HEX32),
    named("confluent-key", b"flu", b"confluent", rb"[A-Za-z0-9+/]{64}", unworded),
    named("gocardless-token", b"goc", b"gocardless", rb"live_[A-Za-z0-9_-]{40}", unworded),
    named("beamer-key", b"bea", b"beamer", rb"b_[A-Za-z0-9_=-]{44}", unworded),
)
