/* Which address leads to which handler: four tables, tried from top to bottom.
 *
 * The kind of request decides on the table: the admin socket, a demo's own address (the gateway says so with a header
 * that it strips from outside), else the site, and behind it models, whose addresses begin with a free name. Handlers
 * check rights themselves; tests/proc/test_store_access.py asks each route as each kind of visitor, and fails when a
 * route is added here without being added there. */
#include "store/route.h"

#include <string.h>

#include "runtime/base/memory.h"
#include "store/admin.h"
#include "store/api.h"
#include "store/git.h"
#include "store/signin_page.h"
#include "store/site.h"
#include "store/site_settings.h"
#include "store/upload.h"

#define GET (HTTP_MASK(HTTP_GET) | HTTP_MASK(HTTP_HEAD))
#define POST HTTP_MASK(HTTP_POST)
#define DELETE HTTP_MASK(HTTP_DELETE)

/* Segments of a pattern: a word, ":o" (owner), ":n" (name), or "*" at the end (the rest, may be empty). */
struct route {
    unsigned methods;
    const char *pattern;
    void (*handler)(struct request *request);
};

static const struct route demo_routes[] = {
    {POST, "/gradio_api/upload", upload_post},
    {POST, "/upload", upload_post},
    {GET, "/gradio_api/upload_progress", upload_progress},
};

static const struct route site_routes[] = {
    {GET, "/", site_gallery},
    {GET, "/spaces", site_gallery},
    {GET | POST, "/login", signin_page_form},
    {GET, "/login/link", signin_page_link},
    {POST, "/logout", signin_page_logout},
    {GET | POST, "/settings", site_settings_account},
    {GET, "/api/whoami-v2", api_whoami},
    {GET, "/api/spaces", api_spaces},
    {GET, "/api/models", api_models},
    {POST, "/api/repos/create", api_create},
    {DELETE, "/api/repos/delete", api_delete},
    {GET, "/api/spaces/:o/:n", api_repository},
    {GET, "/api/spaces/:o/:n/revision/*", api_repository},
    {GET, "/api/spaces/:o/:n/runtime", api_runtime},
    {POST, "/api/spaces/:o/:n/pause", api_pause},
    {POST, "/api/spaces/:o/:n/restart", api_restart},
    {GET, "/api/spaces/:o/:n/logs/*", api_logs},
    {GET, "/api/models/:o/:n", api_repository},
    {GET, "/api/models/:o/:n/revision/*", api_repository},
    {GET, "/spaces/:o/:n", site_demo},
    {GET, "/spaces/:o/:n/tree/*", site_tree},
    {GET, "/spaces/:o/:n/blob/*", site_blob},
    {GET, "/spaces/:o/:n/resolve/*", site_resolve},
    {GET, "/spaces/:o/:n/raw/*", site_resolve},
    {GET, "/spaces/:o/:n/api", site_demo_api},
    {GET, "/spaces/:o/:n/logs", site_logs},
    {GET | POST, "/spaces/:o/:n/settings", site_settings_demo},
    {GET, "/spaces/:o/:n/info/refs", git_info_refs},
    {POST, "/spaces/:o/:n/git-upload-pack", git_upload_pack},
    {POST, "/spaces/:o/:n/git-receive-pack", git_receive_pack},
};

/* Below /<owner>/<name>: models. Last, because every other first segment is a reserved owner. */
static const struct route model_routes[] = {
    {GET, "/:o/:n", site_model},
    {GET, "/:o/:n/tree/*", site_tree},
    {GET, "/:o/:n/blob/*", site_blob},
    {GET, "/:o/:n/resolve/*", site_resolve},
    {GET, "/:o/:n/raw/*", site_resolve},
    {GET, "/:o/:n/info/refs", git_info_refs},
    {POST, "/:o/:n/git-upload-pack", git_upload_pack},
    {POST, "/:o/:n/git-receive-pack", git_receive_pack},
};

static const struct route admin_routes[] = {
    {GET, "/status", admin_status},
    {GET, "/users", admin_users},
    {POST, "/users", admin_user_add},
    {POST, "/users/link", admin_user_link},
    {POST, "/users/password", admin_user_password},
    {GET, "/tokens", admin_tokens},
    {POST, "/tokens", admin_token_add},
    {POST, "/tokens/revoke", admin_token_revoke},
    {POST, "/rollback", admin_rollback},
    {GET, "/events", admin_events},
};

static struct text next_segment(struct text *rest)
{
    if (text_starts(*rest, TEXT("/")))
        *rest = text_skip(*rest, 1);
    return text_cut(rest, '/');
}

/* Captured segments borrow request->path. A pattern without "*" must fit to its end; one with it takes the rest, also
 * an empty one. */
static bool segments_match(struct request *request, struct text pattern, struct text path)
{
    while (pattern.length > 0) {
        struct text word = next_segment(&pattern);
        if (text_equal(word, TEXT("*"))) {
            request->rest = path;
            return true;
        }
        if (path.length == 0)
            return word.length == 0;
        struct text segment = next_segment(&path);
        if (text_equal(word, TEXT(":o")))
            request->owner = segment;
        else if (text_equal(word, TEXT(":n")))
            request->name = segment;
        else if (!text_equal(word, segment))
            return false;
    }
    return path.length == 0;
}

/* 1 when a route was called, 0 when none fits the path, 405 when none fits the method. A trailing slash makes no
 * difference. 405 is remembered while later rows may still fit. */
static int try_routes(struct request *request, const struct route *routes, size_t count)
{
    unsigned method = HTTP_MASK(request->exchange->head.method);
    struct text path = buffer_view(&request->path);
    int result = 0;
    while (path.length > 1 && text_ends(path, TEXT("/")))
        path.length--;
    for (size_t index = 0; index < count; index++) {
        if (!segments_match(request, text_from(routes[index].pattern), path))
            continue;
        if (routes[index].methods & method) {
            routes[index].handler(request);
            return 1;
        }
        result = 405;
    }
    return result;
}

static void nothing_here(struct request *request, int result)
{
    if (result == 405)
        request_error(request, 405, NULL, "This address exists, but does not take requests of this kind.");
    else if (request->api)
        request_error(request, 404, NULL, "There is nothing at this address.");
    else
        request_error(request, 404, NULL, "Nothing is at this address.");
}

/* What the gateway forwards in a demo's name carries the demo's id. */
static void dispatch_demo(struct request *request)
{
    struct text path = buffer_view(&request->path);
    request->api = true;
    const char *file = memmem(path.data, path.length, "/file=", 6);
    if (file != NULL && GET & HTTP_MASK(request->exchange->head.method)) {
        request->rest = text_skip(path, (size_t)(file + 6 - path.data));
        upload_get(request);
        return;
    }
    const char *base = memmem(path.data, path.length, "/-/", 3);
    if (base != NULL)
        buffer_consume(&request->path, (size_t)(base + 2 - path.data));
    int result = try_routes(request, demo_routes, MEMORY_COUNT(demo_routes));
    if (result != 1)
        nothing_here(request, result);
}

void route_dispatch(struct request *request)
{
    if (http_exchange_header(request->exchange, "x-vitrine-demo").length > 0) {
        dispatch_demo(request);
        return;
    }
    request->model = text_starts(buffer_view(&request->path), TEXT("/api/models/"));
    int result = try_routes(request, site_routes, MEMORY_COUNT(site_routes));
    bool fixed = request->api || text_starts(buffer_view(&request->path), TEXT("/spaces/"));
    if (result == 0 && !fixed) {
        request->model = true;
        result = try_routes(request, model_routes, MEMORY_COUNT(model_routes));
    }
    if (result != 1)
        nothing_here(request, result);
}

void route_dispatch_admin(struct request *request)
{
    int result = try_routes(request, admin_routes, MEMORY_COUNT(admin_routes));
    if (result != 1)
        nothing_here(request, result);
}
