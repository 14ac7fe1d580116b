/* SPDX-License-Identifier: Apache-2.0 */
/* What all kinds of keys share; the kinds stand in signer_*.c. */
#include "tsa/issuer/signer.h"

#include <openssl/crypto.h>

#define SECURE_HEAP     (256 * 1024)
#define SECURE_SMALLEST 32

bool signer_prepare_memory(void)
{
    return CRYPTO_secure_malloc_initialized() || CRYPTO_secure_malloc_init(SECURE_HEAP, SECURE_SMALLEST) == 1;
}

void signer_close(struct signer *signer)
{
    if (signer) {
        signer->ops->close(signer);
    }
}

enum rc signer_thread_new(struct signer *signer, struct signer_thread **out)
{
    *out = NULL;
    return signer->ops->thread_new(signer, out);
}

void signer_thread_free(struct signer_thread *thread)
{
    if (thread) {
        thread->signer->ops->thread_free(thread);
    }
}

enum rc signer_sign(struct signer_thread *thread, struct bytes digest, struct wbuf *out)
{
    return thread->signer->ops->sign(thread, digest, out);
}

enum rc signer_verify(struct signer_thread *thread, struct bytes digest, struct bytes signature)
{
    return thread->signer->ops->verify(thread, digest, signature);
}
