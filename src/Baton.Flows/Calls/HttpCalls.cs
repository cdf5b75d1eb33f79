using System.Net.Http.Headers;
using System.Text;
using Baton.Jq;

namespace Baton.Flows.Calls;

/// <summary><c>call: http</c>, and fetching resources.</summary>
internal sealed class HttpCalls(EgressHttp http, Authenticator authenticator, FlowPolicy policy) : ICallHandler
{
    public IReadOnlyList<string> Kinds => ["http", "fetch"];

    public async Task<JqValue> CallAsync(CallContext context, CancellationToken cancellationToken)
    {
        if (context.Call.Kind == "fetch")
        {
            return await FetchAsync(context.Required("uri"), context.Authentication, cancellationToken);
        }
        return await SendAsync(context, new HttpCallRequest(
            context.Required("method"), Address(context.Required("uri"), context.Arguments["query"]), context.Arguments["headers"], context.Arguments["body"],
            context.Text("output") ?? "content", context.Flag("redirect")), cancellationToken);
    }

    /// <summary>Sends one request of a flow and gives what <c>output</c> asks for.</summary>
    public async Task<JqValue> SendAsync(CallContext context, HttpCallRequest request, CancellationToken cancellationToken)
    {
        var header = await authenticator.HeaderAsync(context.Authentication, cancellationToken);
        var reply = await SendAsync(context, request, header, cancellationToken);
        if (reply.Status == 401)
        {
            await authenticator.ForgetAsync(context.Authentication, cancellationToken);
            if (await authenticator.AnswerAsync(context.Authentication, reply.Challenges, request.Method.ToUpperInvariant(), request.Uri, cancellationToken) is { } answer)
            {
                reply = await SendAsync(context, request, answer, cancellationToken);
            }
        }
        if (reply.Status is < 200 or >= 300 && !(request.Redirect && reply.Status is >= 300 and < 400))
        {
            throw new FlowFaultException(FlowErrors.Communication($"{request.Method.ToUpperInvariant()} {request.Uri} answered {reply.Status} {reply.Reason}. {HttpContents.Excerpt(reply)}".TrimEnd(), reply.Status, reply.Reason ?? "Communication error"));
        }
        return request.Output switch
        {
            "raw" => Convert.ToBase64String(reply.Body),
            "response" => HttpContents.Response(reply),
            _ => HttpContents.Content(reply),
        };
    }

    /// <summary>The text behind a URI: http, https, or a file below the folder that the policy names.</summary>
    public async Task<string> FetchAsync(string uri, JqValue authentication, CancellationToken cancellationToken)
    {
        if (uri.StartsWith("file:", StringComparison.Ordinal))
        {
            return await ReadFileAsync(uri, cancellationToken);
        }
        var header = await authenticator.HeaderAsync(authentication, cancellationToken);
        var reply = await http.SendAsync((to, same) =>
        {
            var request = new HttpRequestMessage(HttpMethod.Get, to);
            request.Headers.Authorization = same ? header : null;
            return request;
        }, Address(uri, JqValue.Null), follow: true, cancellationToken);
        return reply.Status == 200
            ? HttpContents.Text(reply)
            : throw new FlowFaultException(FlowErrors.Communication($"GET {uri} answered {reply.Status} {reply.Reason}.", reply.Status, reply.Reason ?? "Communication error"));
    }

    private async Task<string> ReadFileAsync(string uri, CancellationToken cancellationToken)
    {
        if (policy.FileRoot is not { } root)
        {
            throw new FlowFaultException(FlowErrors.Authorization($"The settings do not allow to read '{uri}'."));
        }
        var path = Path.GetFullPath(Path.Combine(root, Uri.UnescapeDataString(uri["file:".Length..]).TrimStart('/')));
        if (!path.StartsWith(Path.GetFullPath(root) + Path.DirectorySeparatorChar, StringComparison.Ordinal))
        {
            throw new FlowFaultException(FlowErrors.Authorization($"'{uri}' is outside of the folder that flows may read."));
        }
        if (!File.Exists(path))
        {
            throw new FlowFaultException(FlowErrors.Communication($"'{uri}' does not exist.", 404, "Not Found"));
        }
        return await File.ReadAllTextAsync(path, cancellationToken);
    }

    private Task<HttpReply> SendAsync(CallContext context, HttpCallRequest call, AuthenticationHeaderValue? authorization, CancellationToken cancellationToken) =>
        http.SendAsync((uri, same) =>
        {
            var request = new HttpRequestMessage(new HttpMethod(call.Method.ToUpperInvariant()), uri);
            if (!call.Body.IsNull)
            {
                request.Content = HttpContents.Body(call.Body, Header(call.Headers, "content-type"));
            }
            request.Headers.TryAddWithoutValidation("Idempotency-Key", context.Call.IdempotencyKey);
            request.Headers.TryAddWithoutValidation("Accept", "application/json, */*;q=0.8");
            foreach (var (name, value) in call.Headers.Kind == JqKind.Object ? call.Headers.EnumerateObject() : [])
            {
                var text = value.TryGetString(out var given) ? given : value.ToJson();
                if (name.Equals("content-type", StringComparison.OrdinalIgnoreCase) || value.IsNull)
                {
                    continue;
                }
                // Credentials stay with the host that they were meant for.
                if (!same && name.Equals("authorization", StringComparison.OrdinalIgnoreCase))
                {
                    continue;
                }
                request.Headers.Remove(name);
                if (!request.Headers.TryAddWithoutValidation(name, text))
                {
                    request.Content?.Headers.TryAddWithoutValidation(name, text);
                }
            }
            if (same && authorization is not null)
            {
                request.Headers.Authorization = authorization;
            }
            return request;
        }, call.Uri, call.Redirect, cancellationToken);

    internal static Uri Address(string uri, JqValue query)
    {
        if (!Uri.TryCreate(uri, UriKind.Absolute, out var address) || address.Scheme is not ("http" or "https"))
        {
            throw new FlowFaultException(FlowErrors.Configuration($"'{uri}' is not an http or https address."));
        }
        if (query.Kind != JqKind.Object || query.Count == 0)
        {
            return address;
        }
        var text = new StringBuilder(address.Query.TrimStart('?'));
        foreach (var (name, value) in query.EnumerateObject())
        {
            foreach (var one in value.Kind == JqKind.Array ? value.EnumerateArray() : [value])
            {
                if (!one.IsNull)
                {
                    text.Append(text.Length == 0 ? "" : "&").Append(Uri.EscapeDataString(name)).Append('=').Append(Uri.EscapeDataString(one.TryGetString(out var s) ? s : one.ToJson()));
                }
            }
        }
        return new UriBuilder(address) { Query = text.ToString() }.Uri;
    }

    private static string? Header(JqValue headers, string name) => headers.Kind == JqKind.Object
        ? headers.EnumerateObject().Where(h => h.Key.Equals(name, StringComparison.OrdinalIgnoreCase)).Select(h => h.Value.TryGetString(out var text) ? text : null).FirstOrDefault()
        : null;
}

/// <param name="Output">raw, content or response.</param>
internal sealed record HttpCallRequest(string Method, Uri Uri, JqValue Headers, JqValue Body, string Output, bool Redirect);
