/* Parses and verifies one chain, again and again: each line of standard input
 * is a number of times, each line of output how much processor time they took,
 * in nanoseconds. Arguments: the files of leaf, intermediate and root in DER,
 * the host's name, and the time in seconds since 1970. */
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static unsigned char raw[3][1 << 16];
static long size[3];

static void need(int good, const char *what)
{
    if (!good) {
        fprintf(stderr, "openssl: %s\n", what);
        exit(1);
    }
}

static X509 *parse(int i)
{
    const unsigned char *at = raw[i];
    X509 *cert = d2i_X509(NULL, &at, size[i]);
    need(cert != NULL, "a certificate cannot be parsed");
    return cert;
}

static void once(const char *name, time_t now)
{
    X509 *leaf = parse(0), *intermediate = parse(1), *root = parse(2);
    X509_STORE *store = X509_STORE_new();
    STACK_OF(X509) *sent = sk_X509_new_null();
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    X509_VERIFY_PARAM *param;

    need(X509_STORE_add_cert(store, root) && sk_X509_push(sent, intermediate), "no memory");
    need(X509_STORE_CTX_init(context, store, leaf, sent), "no context");
    param = X509_STORE_CTX_get0_param(context);
    X509_VERIFY_PARAM_set_time(param, now);
    X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_SSL_SERVER);
    need(X509_VERIFY_PARAM_set1_host(param, name, 0), "no name");
    need(X509_verify_cert(context) == 1, "the chain is refused");
    X509_STORE_CTX_free(context);
    sk_X509_free(sent);
    X509_STORE_free(store);
    X509_free(leaf);
    X509_free(intermediate);
    X509_free(root);
}

static long long cpu(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int main(int argc, char **argv)
{
    long times;
    need(argc == 6, "usage: openssl LEAF INTERMEDIATE ROOT NAME TIME");
    for (int i = 0; i < 3; i++) {
        FILE *file = fopen(argv[i + 1], "rb");
        need(file != NULL, "a file cannot be read");
        size[i] = fread(raw[i], 1, sizeof raw[i], file);
        fclose(file);
    }
    while (scanf("%ld", &times) == 1) {
        long long before = cpu();
        while (times-- > 0)
            once(argv[4], atol(argv[5]));
        printf("%lld\n", cpu() - before);
        fflush(stdout);
    }
    return 0;
}
