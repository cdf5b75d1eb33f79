using System.Text;
using Baton.Jq;

namespace Baton.Flows.Calls;

/// <summary>
/// <c>call: a2a</c>: JSON-RPC to an agent, whose address comes from 'server' or from its card. Streams (message/stream,
/// tasks/resubscribe) are read to their end and given as a list of results.
/// </summary>
internal sealed class A2aCalls(EgressHttp egress, HttpCalls http, Authenticator authenticator) : ICallHandler
{
    public IReadOnlyList<string> Kinds => ["a2a"];

    public async Task<JqValue> CallAsync(CallContext context, CancellationToken cancellationToken)
    {
        var method = context.Required("method");
        var address = await AddressAsync(context, cancellationToken);
        var request = JqValue.FromObject(
        [
            new("jsonrpc", "2.0"),
            new("id", context.Call.IdempotencyKey),
            new("method", method),
            new("params", Parameters(context, method)),
        ]);
        var authorization = await authenticator.HeaderAsync(context.Authentication, cancellationToken);
        var reply = await egress.SendAsync((uri, same) =>
        {
            var message = new HttpRequestMessage(HttpMethod.Post, uri) { Content = HttpContents.Body(request, "application/json") };
            message.Headers.Accept.ParseAdd("application/json, text/event-stream");
            message.Headers.TryAddWithoutValidation("Idempotency-Key", context.Call.IdempotencyKey);
            message.Headers.Authorization = same ? authorization : null;
            return message;
        }, address, follow: false, cancellationToken);
        if (reply.Status != 200)
        {
            throw new FlowFaultException(FlowErrors.Communication($"The agent at {address} answered {reply.Status} {reply.Reason}.", reply.Status, reply.Reason ?? "Communication error"));
        }
        return reply.MediaType == "text/event-stream"
            ? JqValue.FromArray(Events(HttpContents.Text(reply)).Select(data => Result(HttpContents.ParseJson(Encoding.UTF8.GetBytes(data), "An event of the agent"))))
            : Result(HttpContents.ParseJson(reply.Body, "The answer of the agent"));
    }

    private async Task<Uri> AddressAsync(CallContext context, CancellationToken cancellationToken)
    {
        if (context.Arguments["document"].Kind != JqKind.Object)
        {
            return HttpCalls.Address(context.Required("uri"), JqValue.Null);
        }
        var location = context.Arguments["document"]["uri"].GetString();
        var card = Documents.Parse(await http.FetchAsync(location, context.Arguments["document"]["authentication"], cancellationToken), location);
        return card["url"].TryGetString(out var url)
            ? HttpCalls.Address(url, JqValue.Null)
            : throw new FlowFaultException(FlowErrors.Configuration($"The agent card {location} has no 'url'."));
    }

    /// <summary>The language asks for defaults of message.messageId and message.role. The id is the idempotency key: the same for every attempt.</summary>
    private static JqValue Parameters(CallContext context, string method)
    {
        var parameters = context.Arguments["parameters"];
        if (method is not ("message/send" or "message/stream") || parameters.Kind != JqKind.Object || parameters["message"].Kind != JqKind.Object)
        {
            return parameters.Kind == JqKind.Object ? parameters : JqValue.FromObject([]);
        }
        var message = JqValue.FromObject(new KeyValuePair<string, JqValue>[] { new("messageId", context.Call.IdempotencyKey), new("role", "user"), new("kind", "message") }
            .Concat(parameters["message"].EnumerateObject()));
        return JqValue.FromObject(parameters.EnumerateObject().Select(p => p.Key == "message" ? new(p.Key, message) : p));
    }

    private static JqValue Result(JqValue answer) => answer["error"].IsNull
        ? answer["result"]
        : throw new FlowFaultException(FlowErrors.Runtime($"The agent answered error {answer["error"]["code"].ToJson()}: {(answer["error"]["message"].TryGetString(out var text) ? text : "")}"));

    private static IEnumerable<string> Events(string stream) => stream.ReplaceLineEndings("\n").Split("\n\n")
        .Select(block => string.Join('\n', block.Split('\n').Where(line => line.StartsWith("data:", StringComparison.Ordinal)).Select(line => line[5..].TrimStart())))
        .Where(data => data.Length > 0);
}
