"""Tokens of services that programs call, known by the form that their providers document."""

from __future__ import annotations

import re

from gristmill.annotate.findings import checksums
from gristmill.annotate.findings.forms import issued, token, unworded


def _grafana(text: bytes, match: re.Match[bytes]) -> bool:
    return checksums.has_crc32_hex(match["value"])


def _loose_stripe(text: bytes, match: re.Match[bytes]) -> bool:
    """Stripe's form without Paystack's, which is 40 hexadecimal digits."""
    return issued(text, match) and not re.fullmatch(rb"[sr]k_live_[0-9a-f]{40}", match["value"])


_HEX = b"0123456789abcdef"
_DIGIT = b"0123456789"
_UUID = rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"

AI = (
    token("anthropic-key", b"k-a", rb"sk-ant-[a-z0-9]{3,12}-[A-Za-z0-9_-]{80,120}"),
    token("openai-key", b"sk-", rb"sk-(?:[A-Za-z0-9]{48}|(?:proj|svcacct|admin)-[A-Za-z0-9_-]{40,200})"),
    token("openrouter-key", b"sk-", rb"sk-or-v1-[0-9a-f]{64}"),
    token("deepseek-key", b"sk-", rb"sk-[0-9a-f]{32}", near=b"deepseek", score=0.9),
    token("langfuse-key", b"sk-", rb"sk-lf-" + _UUID),
    token("cerebras-key", b"sk-", rb"csk-[a-z0-9]{48}"),
    token("hugging-face-token", b"hf_", rb"hf_[A-Za-z0-9]{34}"),
    token("hugging-face-organisation-token", b"i_o", rb"api_org_[A-Za-z]{34}"),
    token("replicate-token", b"r8_", rb"r8_[A-Za-z0-9]{37}"),
    token("groq-key", b"gsk", rb"gsk_[A-Za-z0-9]{52}"),
    token("perplexity-key", b"lx-", rb"pplx-[A-Za-z0-9]{48}"),
    token("xai-key", b"ai-", rb"xai-[A-Za-z0-9]{80}"),
    token("together-key", b"gp_", rb"tgp_v1_[A-Za-z0-9_-]{43}"),
    token("fireworks-key", b"fw_", rb"fw_[A-Za-z0-9]{22,24}", unworded, score=0.85),
    token("pinecone-key", b"csk", rb"pcsk_[A-Za-z0-9]{5,6}_[A-Za-z0-9]{63}"),
    token("langsmith-key", b"sv2", rb"lsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10}"),
    token("nvidia-key", b"vap", rb"nvapi-[A-Za-z0-9_-]{64}"),
    token("elevenlabs-key", (b"k", b"_", _HEX), rb"sk_[0-9a-f]{48}", at=1),
    token("voyage-key", b"pa-", rb"pa-[A-Za-z0-9_-]{43}", unworded, score=0.85),
    token("jina-key", b"na_", rb"jina_[A-Za-z0-9_-]{60}"),
    token("tavily-key", b"vly", rb"tvly-(?:dev-|prod-)?[A-Za-z0-9]{32}"),
    token("firecrawl-key", b"fc-", rb"fc-[0-9a-f]{32}", score=0.9),
    token("apify-token", b"pi_", rb"apify_api_[A-Za-z0-9]{36}"),
)

PAYMENTS = (
    token("stripe-key", b"k_l", rb"[sr]k_live_[A-Za-z0-9]{16,128}", _loose_stripe, at=1),
    token("stripe-webhook-secret", b"whs", rb"whsec_[A-Za-z0-9+/]{32,64}={0,2}"),
    token("paystack-key", b"k_l", rb"sk_live_[0-9a-f]{40}", at=1),
    token("square-access-token", b"q0a", rb"sq0atp-[A-Za-z0-9_-]{22}"),
    token("square-secret", b"q0c", rb"sq0csp-[A-Za-z0-9_-]{43}"),
    token("square-token", b"eaa", rb"EAAA[A-Za-z0-9_-]{60}", unworded, score=0.9),
    token("braintree-token", b"en$", rb"access_token\$(?:production|sandbox)\$[0-9a-z]{16}\$[0-9a-f]{32}"),
    token("razorpay-key", b"rzp", rb"rzp_live_[A-Za-z0-9]{14}", score=0.85),
    token("plaid-token", b"ss-", rb"access-(?:production|development|sandbox)-" + _UUID),
    token("flutterwave-key", b"lws", rb"FLWSECK-[0-9a-f]{32}-X"),
    token("shopify-token", b"shp", rb"shp(?:at|ca|pa|ss|tka)_[0-9a-fA-F]{32}"),
    token("easypost-key", (b"z", b"at", b"k"), rb"EZ[AT]K[A-Za-z0-9]{54}", at=1),
    token("duffel-token", b"duf", rb"duffel_(?:test|live)_[A-Za-z0-9_-]{43}"),
    token("shippo-token", b"po_", rb"shippo_(?:live|test)_[0-9a-fA-F]{40}"),
    token("mercado-pago-token", b"sr-", rb"APP_USR-[0-9]{13,18}-[0-9]{6}-[0-9a-f]{32}-[0-9]{6,12}"),
    token("paddle-key", b"pdl", rb"pdl_(?:live|sdbx)_apikey_[a-z0-9]{26}_[A-Za-z0-9]{22}_[A-Za-z0-9]{3}"),
    token(
        "lob-key",
        (b"v", b"e", b"_"),
        rb"live_(?:pub_)?[0-9a-f]{35}",
        at=2,
        near=b"lob",
        score=0.85,
    ),
    token(
        "mollie-key",
        (b"v", b"e", b"_"),
        rb"live_[A-Za-z0-9]{30}",
        unworded,
        at=2,
        near=b"mollie",
    ),
)

MESSAGES = (
    token("slack-token", b"xox", rb"xox[abceoprs]-(?:\d{8,14}-){1,3}[A-Za-z0-9-]{16,64}"),
    token("slack-rotating-token", b"xox", rb"xoxe(?:\.xox[bp])?-\d-[A-Za-z0-9]{100,300}"),
    token("slack-app-token", b"pp-", rb"xapp-\d-[A-Z0-9]{8,13}-\d{8,15}-[0-9a-f]{64}"),
    token(
        "slack-webhook", b"s.s", rb"hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9+/]{40,60}"
    ),
    token("discord-webhook", b"bho", rb"webhooks/\d{17,20}/[A-Za-z0-9_-]{60,72}", near=b"discord"),
    token(
        "teams-webhook",
        b"b2/",
        rb"webhook\.office\.com/webhookb2/"
        + _UUID
        + rb"@"
        + _UUID
        + rb"/IncomingWebhook/[0-9a-f]{32}/"
        + _UUID,
    ),
    *(
        token("telegram-bot-token", b":aa", rb"\d{%d}:AA[A-Za-z0-9_-]{33}" % digits, unworded, at=digits)
        for digits in (8, 9, 10)
    ),
    token("twilio-key", (b"s", b"k", _HEX), rb"SK[0-9a-f]{32}", near=b"twilio", at=0, score=0.9),
    token("twilio-account", (b"a", b"c", _HEX), rb"AC[0-9a-f]{32}", near=b"twilio", at=0, score=0.6),
    token("sendgrid-key", b"sg.", rb"SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}"),
    token("mailgun-key", b"ey-", rb"key-[0-9a-f]{32}", score=0.9),
    token("mailchimp-key", (b"u", b"s", _DIGIT), rb"[0-9a-f]{32}-us\d{1,2}", at=33),
    token("brevo-key", b"ib-", rb"xkeysib-[0-9a-f]{64}-[A-Za-z0-9]{16}"),
    token("brevo-mail-key", b"ib-", rb"xsmtpsib-[0-9a-f]{64}-[A-Za-z0-9]{16}"),
    token("mailersend-key", b"lsn", rb"mlsn\.[0-9a-f]{64}"),
    token("resend-key", b"re_", rb"re_[A-Za-z0-9]{8}_[A-Za-z0-9]{24}", unworded, score=0.9),
    token("mandrill-key", b"md-", rb"md-[A-Za-z0-9_-]{22}", near=b"mandrill", score=0.9),
    token("intercom-token", b"9ro", rb"dG9rO[A-Za-z0-9+/]{50,56}={0,2}", score=0.9),
    token("telnyx-key", b"ey0", rb"KEY0[0-9A-F]{31}_[A-Za-z0-9]{22}"),
    token("onesignal-key", b"v2_", rb"os_v2_(?:app|org)_[a-z0-9]{90,120}"),
)

DATA = (
    token("newrelic-user-key", b"ak-", rb"NRAK-[A-Z0-9]{27}"),
    token("newrelic-browser-key", b"nrj", rb"NRJS-[0-9a-f]{19}", score=0.8),
    token("newrelic-insert-key", b"ii-", rb"NRII-[A-Za-z0-9_-]{32}"),
    token("newrelic-license-key", b"nra", rb"[0-9a-z]{36}NRAL", at=36),
    token("sentry-organisation-token", b"eyj", rb"sntrys_eyJ[A-Za-z0-9+/=]{80,600}_[A-Za-z0-9+/]{43}"),
    token("sentry-user-token", b"yu_", rb"sntryu_[0-9a-f]{64}"),
    token("grafana-service-token", b"gls", rb"glsa_[A-Za-z0-9]{32}_[0-9a-f]{8}", _grafana, score=0.99),
    token("grafana-cloud-token", b"eyj", rb"glc_eyJ[A-Za-z0-9+/]{40,400}={0,2}"),
    token("grafana-key", b"eyj", rb"eyJrIjoi[A-Za-z0-9]{60,400}={0,2}", score=0.85),
    token("dynatrace-token", b"dt0", rb"dt0[a-z]\d\d\.[A-Z0-9]{24}\.[A-Z0-9]{64}"),
    token("honeycomb-key", b"ik_", rb"hcaik_[a-z0-9]{50,64}"),
    token("databricks-token", (b"p", b"i", _HEX), rb"dapi[0-9a-f]{32}(?:-\d)?", at=2),
    token("planetscale-token", b"psc", rb"pscale_(?:tkn|pw|oauth)_[A-Za-z0-9_.=-]{32,64}"),
    token("supabase-token", b"bp_", rb"sbp_[0-9a-f]{40}"),
    token("supabase-secret-key", b"sb_", rb"sb_secret_[A-Za-z0-9_-]{22}_[A-Za-z0-9_-]{8}"),
    token("mongodb-atlas-secret", b"b_s", rb"mdb_sa_sk_[A-Za-z0-9_-]{40}"),
    token("confluent-secret", b"cfl", rb"cflt[A-Za-z0-9+/]{60}", unworded, score=0.9),
    token("mapbox-secret-token", b"k.e", rb"sk\.eyJ[A-Za-z0-9_-]{40,200}\.[A-Za-z0-9_-]{20,30}"),
    token("mapbox-public-token", b"k.e", rb"pk\.eyJ[A-Za-z0-9_-]{40,200}\.[A-Za-z0-9_-]{20,30}", score=0.6),
    token("cockroachdb-key", b"b1_", rb"CCDB1_[A-Za-z0-9]{22}_[A-Za-z0-9]{40}"),
    token("neon-key", b"pi_", rb"napi_[a-z0-9]{60,70}", unworded, score=0.9),
    token("segment-token", b"gp_", rb"sgp_[A-Za-z0-9]{64}"),
    token("posthog-key", b"phx", rb"phx_[A-Za-z0-9]{43,48}"),
    token("axiom-token", (b"a", b"ap", b"t"), rb"xa[ap]t-" + _UUID, at=1),
    token("logfire-token", b"ylf", rb"pylf_v\d_(?:us|eu)_[A-Za-z0-9]{43}"),
    token("tinybird-token", b"p.e", rb"p\.eyJ[A-Za-z0-9_-]{40,300}\.[A-Za-z0-9_-]{20,50}"),
)

PRODUCTS = (
    token("figma-token", b"gd_", rb"figd_[A-Za-z0-9_-]{40}"),
    token("notion-token", b"tn_", rb"ntn_\d{11}[A-Za-z0-9]{35}"),
    token("notion-secret", b"ecr", rb"secret_[A-Za-z0-9]{43}", near=b"notion", score=0.9),
    token("linear-key", b"pi_", rb"lin_api_[A-Za-z0-9]{40}"),
    token("linear-oauth-token", b"oau", rb"lin_oauth_[0-9a-f]{64}"),
    token("hubspot-token", (b"n", b"a", _DIGIT), rb"pat-na\d-" + _UUID, at=4),
    token("hubspot-eu-token", (b"e", b"u", _DIGIT), rb"pat-eu\d-" + _UUID, at=4),
    token("klaviyo-key", (b"k", b"_", _HEX), rb"pk_[0-9a-f]{34}", at=1, score=0.85),
    token("contentful-token", b"cfp", rb"CFPAT-[A-Za-z0-9_-]{43}"),
    token("typeform-token", b"fp_", rb"tfp_[A-Za-z0-9_.=-]{59}"),
    token("dropbox-token", b"sl.", rb"sl\.(?:u\.)?[A-Za-z0-9_-]{130,1400}", score=0.9),
    token("facebook-token", b"eaa", rb"EAA[A-Z][A-Za-z0-9]{100,400}", unworded, score=0.85),
    token("adobe-secret", b"p8e", rb"p8e-[A-Za-z0-9-]{32}"),
    token("frameio-token", b"-u-", rb"fio-u-[A-Za-z0-9_=-]{64}"),
    token("readme-key", b"rdm", rb"rdme_[a-z0-9]{70}"),
    token("salesforce-session", b"00d", rb"00D[A-Za-z0-9]{12}![A-Za-z0-9._]{90,120}"),
    token("trello-token", b"tta", rb"ATTA[0-9a-f]{64}[0-9A-F]{8}"),
    token("okta-header", b"sws", rb"SSWS 00[A-Za-z0-9_-]{40}"),
)

RULES = (*AI, *PAYMENTS, *MESSAGES, *DATA, *PRODUCTS)
