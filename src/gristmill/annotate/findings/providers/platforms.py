"""Tokens of platforms that software is built and run on, known by the form that their providers document."""

from __future__ import annotations

import re

from gristmill.annotate.findings import checksums
from gristmill.annotate.findings.forms import token, unworded


def _github(text: bytes, match: re.Match[bytes]) -> bool:
    return checksums.has_crc32(match["value"][4:])


def _age(text: bytes, match: re.Match[bytes]) -> bool:
    return checksums.has_bech32(match["value"])


_HEX = b"0123456789abcdef"
_DIGIT = b"0123456789"
_UUID = rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"

CODE_HOSTS = (
    *(
        token(f"github-{name}", b"gh" + kind, rb"gh" + kind + rb"_[A-Za-z0-9]{36}", _github, score=0.99)
        for name, kind in (
            ("token", b"p"),
            ("oauth-token", b"o"),
            ("user-token", b"u"),
            ("app-token", b"s"),
            ("refresh-token", b"r"),
        )
    ),
    token("github-fine-grained-token", b"b_p", rb"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}"),
    token("gitlab-token", b"glp", rb"glpat-[A-Za-z0-9_-]{20,300}+(?:\.[0-9a-z]{2}\.?[0-9a-z]{7,9})?"),
    token("gitlab-trigger-token", b"tt-", rb"glptt-[0-9a-f]{40}"),
    token("gitlab-deploy-token", b"dt-", rb"gldt-[A-Za-z0-9_-]{20}"),
    token("gitlab-runner-token", b"lrt", rb"glrtr?-[A-Za-z0-9_-]{20,300}+(?:\.[0-9a-z]{2}\.?[0-9a-z]{7,9})?"),
    token("gitlab-job-token", b"bt-", rb"glcbt-(?:[0-9a-zA-Z]{1,5}_)?[A-Za-z0-9_-]{20}"),
    token("gitlab-feed-token", b"lft", rb"glft-[A-Za-z0-9_-]{20}"),
    token("gitlab-mail-token", b"mt-", rb"glimt-[A-Za-z0-9_-]{25}"),
    token("gitlab-scim-token", b"at-", rb"glsoat-[A-Za-z0-9_-]{20}"),
    token("gitlab-agent-token", b"gla", rb"glagent-[A-Za-z0-9_-]{50}"),
    token("gitlab-oauth-secret", b"oas", rb"gloas-[A-Za-z0-9_-]{64}"),
    token("gitlab-feature-token", b"fct", rb"glffct-[A-Za-z0-9_-]{20}"),
    token("gitlab-registration-token", b"gr1", rb"GR1348941[A-Za-z0-9_-]{20}"),
    token("bitbucket-app-password", b"tbb", rb"ATBB[A-Za-z0-9]{24}[0-9A-F]{8}"),
    token("bitbucket-server-token", b"dc-", rb"BBDC-[MNO][A-Za-z0-9+/]{43}"),
    token("atlassian-token", b"tt3", rb"ATATT3[A-Za-z0-9_-]{60,200}=[0-9A-F]{8}"),
    token("atlassian-access-token", b"tt3", rb"ATCTT3[A-Za-z0-9_-]{60,200}=[0-9A-F]{8}"),
    token("azure-devops-token", b"zdo", rb"[A-Za-z0-9]{76}AZDO[A-Za-z0-9]{4}", at=77),
    token("circleci-token", b"cci", rb"CCIPAT_[A-Za-z0-9]{22}_[0-9a-f]{40}"),
    token("circleci-project-token", b"rj_", rb"CCIPRJ_[A-Za-z0-9]{22}_[0-9a-f]{40}"),
    token("buildkite-token", b"ua_", rb"bkua_[0-9a-z]{40}"),
    token("sourcegraph-token", b"gp_", rb"sgp_(?:(?:[0-9a-f]{16}|local)_)?[0-9a-f]{40}"),
    token("sourcegraph-license-key", b"slk", rb"slk_[0-9a-f]{64}"),
    token("sonarqube-token", (b"q", b"pua", b"_"), rb"sq[pua]_[0-9a-f]{40}", at=1),
    token("snyk-token", b"yk_", rb"snyk_[a-z]{3}\.[0-9a-f]{8}\.eyJ[A-Za-z0-9_-]{40,1000}"),
    token("postman-key", b"ak-", rb"PMAK-[0-9a-f]{24}-[0-9a-f]{34}"),
    token("postman-collection-key", b"at-", rb"PMAT-[0-9A-Z]{26}"),
)

REGISTRIES = (
    token("npm-token", b"npm", rb"npm_[A-Za-z0-9]{36}"),
    token("pypi-token", b"pyp", rb"pypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{50,300}"),
    token("testpypi-token", b"pyp", rb"pypi-AgENdGVzdC5weXBpLm9yZw[A-Za-z0-9_-]{50,300}"),
    token("rubygems-key", b"uby", rb"rubygems_[0-9a-f]{48}"),
    token("crates-token", b"cio", rb"cio[A-Za-z0-9]{32}", unworded, score=0.9),
    token("nuget-key", b"oy2", rb"oy2[a-z0-9]{43}"),
    token("docker-token", b"kr_", rb"dckr_pat_[A-Za-z0-9_-]{27}"),
    token("docker-organisation-token", b"kr_", rb"dckr_oat_[A-Za-z0-9_-]{32}"),
    token("jfrog-key", b"kcp", rb"AKCp[A-Za-z0-9]{69}"),
    token("jfrog-reference-token", b"cmv", rb"cmVmdGtu[A-Za-z0-9]{56}"),
    token("clojars-token", b"loj", rb"CLOJARS_[0-9a-f]{60}"),
    token("packagist-token", b"agi", rb"packagist_[ou][ru]t_[0-9a-f]{68}"),
)

CLOUDS = (
    token("aws-access-key-id", (b"a", b"ks", b"i"), rb"A(?:KI|SI)A[A-Z2-7]{16}", at=0),
    token("aws-bearer-key", b"bsk", rb"ABSK[A-Za-z0-9+/]{109,269}={0,2}"),
    token("azure-client-secret", (_DIGIT, b"q", b"~"), rb"[\w.~]{3}\dQ~[\w.~-]{31,34}", at=3),
    token("azure-storage-account-key", b"+as", rb"[A-Za-z0-9+/]{76}\+ASt[A-Za-z0-9+/]{5}[AQgw]==", at=76),
    token("azure-cosmos-key", b"acd", rb"[A-Za-z0-9+/]{76}ACDb[A-Za-z0-9+/]{5}[AQgw]==", at=76),
    token("azure-batch-key", b"+ab", rb"[A-Za-z0-9+/]{76}\+ABa[A-Za-z0-9+/]{5}[AQgw]==", at=76),
    token("azure-registry-key", b"+ac", rb"[A-Za-z0-9+/]{42}\+ACR[A-D][A-Za-z0-9+/]{5}", at=42),
    token("azure-function-key", b"zfu", rb"[A-Za-z0-9_-]{44}AzFu[A-Za-z0-9_-]{5}[AQgw]==", at=45),
    token("azure-search-key", b"zse", rb"[A-Za-z0-9]{42}AzSe[A-D][A-Za-z0-9]{5}", at=43),
    token("azure-iot-key", b"iot", rb"[A-Za-z0-9+/]{33}AIoT[A-P][A-Za-z0-9+/]{5}=", at=34),
    token(
        "azure-bus-key", (b"+", b"a", b"se"), rb"[A-Za-z0-9+/]{33}\+A(?:Sb|Eh)[A-P][A-Za-z0-9+/]{5}=", at=33
    ),
    token(
        "azure-resource-key",
        b"jqq",
        rb"[A-Za-z0-9]{52}JQQJ9[9DH][A-Za-z0-9][A-L][A-Za-z0-9]{24}(?:[A-Za-z0-9]{2}==)?",
        at=52,
    ),
    token("google-api-key", b"aiz", rb"AIza[A-Za-z0-9_-]{35}"),
    token("google-oauth-secret", b"goc", rb"GOCSPX-[A-Za-z0-9_-]{28}"),
    token("google-access-token", b"ya2", rb"ya29\.[A-Za-z0-9_-]{30,1024}"),
    token("google-refresh-token", b"1//", rb"1//0[A-Za-z0-9_-]{40,140}", unworded),
    token("google-storage-id", b"g1e", rb"GOOG1E[A-Z0-9]{55}", score=0.8),
    token("firebase-messaging-key", b"pa9", rb"AAAA[A-Za-z0-9_-]{7}:APA91b[A-Za-z0-9_-]{134}", at=13),
    token("digitalocean-token", b"_v1", rb"do[opr]_v1_[0-9a-f]{64}", at=3),
    token("digitalocean-spaces-id", b"do0", rb"DO00[A-Z0-9]{16}", score=0.8),
    token("alibaba-access-key-id", b"lta", rb"LTAI[A-Za-z0-9]{12,20}", score=0.8),
    token("tencent-secret-id", b"aki", rb"AKID[A-Za-z0-9]{32}", score=0.9),
    token("yandex-key", b"qvn", rb"AQVN[A-Za-z0-9_-]{35,38}", score=0.9),
    token("yandex-oauth-token", b"y0_", rb"y0_[A-Za-z0-9_-]{55,62}"),
    token("yandex-access-key-id", b"caj", rb"YCAJE[A-Za-z0-9_-]{20}", score=0.9),
    token("heroku-token", b"ku-", rb"HRKU-AA[A-Za-z0-9_-]{58}"),
    token("scaleway-access-key", b"scw", rb"SCW[A-Z0-9]{17}", score=0.8),
    token("exoscale-key", b"exo", rb"EXO[0-9a-f]{24}", score=0.8),
    token("backblaze-key", b"k00", rb"K00[0-9][A-Za-z0-9/+]{27}", score=0.85),
    token("fly-token", b"o1_", rb"fo1_[A-Za-z0-9_-]{43}"),
    token("fly-macaroon", (b"f", b"m", b"12"), rb"fm[12][ar]?_[A-Za-z0-9+/]{100,1000}={0,2}", at=0),
    token("render-key", b"rnd", rb"rnd_[A-Za-z0-9]{28,36}", unworded, score=0.85),
    token("netlify-token", b"nfp", rb"nfp_[A-Za-z0-9]{36}"),
    token("netlify-oauth-token", b"fo_", rb"nfo_[A-Za-z0-9]{36}"),
    token("cloudflare-origin-key", b".0-", rb"v1\.0-[0-9a-f]{24}-[0-9a-f]{146}"),
    token("deno-deploy-token", (b"d", b"d", b"pw"), rb"dd[pw]_[A-Za-z0-9]{36}", at=0),
    token("openshift-token", b"56~", rb"sha256~[A-Za-z0-9_-]{43}"),
)

INFRASTRUCTURE = (
    token("vault-service-token", b"hvs", rb"hvs\.[A-Za-z0-9_-]{24,200}"),
    token("vault-batch-token", b"hvb", rb"hvb\.[A-Za-z0-9_-]{130,300}"),
    token("vault-recovery-token", b"hvr", rb"hvr\.[A-Za-z0-9_-]{24,200}"),
    token("terraform-cloud-token", b"sv1", rb"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_-]{60,70}", at=19),
    token("pulumi-token", b"ul-", rb"pul-[0-9a-f]{40}"),
    token(
        "doppler-token", b"dp.", rb"dp\.(?:pt|ct|st|sa|scim|audit)\.(?:[a-z0-9_-]{2,35}\.)?[A-Za-z0-9]{40,44}"
    ),
    token("onepassword-token", b"eyj", rb"ops_eyJ[A-Za-z0-9+/]{200,1500}={0,3}"),
    token(
        "onepassword-key",
        b"a3-",
        rb"A3-[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})(?:-[A-Z0-9]{5}){3}",
    ),
    token("infracost-key", b"co-", rb"ico-[A-Za-z0-9]{32}"),
    token("tailscale-key", b"tsk", rb"tskey-[a-z]{3,9}-[A-Za-z0-9]{8,24}-[A-Za-z0-9]{20,40}"),
    token(
        "age-secret-key", b"y-1", rb"AGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}", _age, score=0.99
    ),
    token("prefect-key", b"nu_", rb"pnu_[A-Za-z0-9]{36}"),
    token("launchdarkly-sdk-key", b"dk-", rb"sdk-" + _UUID, score=0.85),
    token("launchdarkly-api-key", b"pi-", rb"api-" + _UUID, near=b"launchdarkly|ld_"),
    token("octopus-key", b"pi-", rb"API-[A-Z0-9]{25,36}", unworded, score=0.85),
    token("maxmind-key", b"mmk", rb"[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk", at=37),
    token("rootly-key", b"otl", rb"rootly_[0-9a-f]{64}"),
)

RULES = (*CODE_HOSTS, *REGISTRIES, *CLOUDS, *INFRASTRUCTURE)
