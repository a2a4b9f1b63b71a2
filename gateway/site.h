/* How this server is called: which Host values are ours, which of them name a demo, and the addresses we print.
 *
 * Only known names are answered (DNS rebinding, cache poisoning): the configured host, localhost, IP addresses, and the
 * demo labels below the demo domain and below localhost. A port must be ours when one is given. */
#ifndef GATEWAY_SITE_H
#define GATEWAY_SITE_H

#include "runtime/base/buffer.h"

struct site {
    char *host;           /* "localhost", "demos.example" */
    char *demo_domain;    /* demos live at <owner>-<name>.<demo_domain> */
    char *url;            /* "http://localhost:7860", without a final slash */
    char *url_host;       /* the name in it: another one than `host` behind some proxies */
    bool demo_hosts;      /* false: the host is an IP address, demos have the path address only */
    bool tls;             /* https stands in front of us */
    uint16_t port;        /* where we listen */
    uint16_t public_port; /* in `url`; 80 or 443 when it has none */
};

/* Copies everything. Empty `demo_domain`: the host. Empty `url`: made of host and port. ERROR_INVALID: `url` is no
 * http(s) address. */
int site_init(struct site *site, const char *host, const char *demo_domain, const char *url, uint16_t port);
void site_release(struct site *site);

enum site_kind { SITE_UNKNOWN, SITE_SELF, SITE_DEMO };

/* What a Host value stands for. SITE_DEMO: `*ret_label` is the demo's label as it was written. */
enum site_kind site_classify(const struct site *site, struct text host, struct text *ret_label);
/* The origin that browsers see for a request with this (known) Host: "http://ann-digits.localhost:7860". Empty when it
 * does not fit. */
void site_write_origin(const struct site *site, struct text host, char *ret_origin, size_t size);
/* The subdomain label of a demo: owner, '-', name, lower case, everything else '-'. */
void site_write_label(const char *owner, const char *name, struct buffer *out);

#endif
