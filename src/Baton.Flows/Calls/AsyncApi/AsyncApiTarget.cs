using System.Net.Http.Headers;
using System.Text.RegularExpressions;
using Baton.Jq;

namespace Baton.Flows.Calls.AsyncApi;

/// <summary>Where an operation of an AsyncAPI document (2.x or 3.x) leads: what is left when the document has been read.</summary>
/// <param name="Server">Address of the server, with the scheme that the protocol has.</param>
/// <param name="Channel">Address of the channel. In subscriptions, parameters that nothing determines remain as <c>{name}</c>.</param>
/// <param name="Bindings">What the operation says for its protocol.</param>
/// <param name="CorrelationId">Runtime expression of the document for the message's correlation id, or null.</param>
internal sealed partial record AsyncApiTarget(Uri Server, string Protocol, string Channel, JqValue Bindings, string? CorrelationId)
{
    public AuthenticationHeaderValue? Authorization { get; init; }

    /// <summary>The same for all rounds of one subscription.</summary>
    public string Client { get; init; } = "";

    /// <summary>User and password, or a token as the password, for protocols that have no Authorization header.</summary>
    public (string? User, string? Password) Credentials
    {
        get
        {
            if (Authorization is not { Scheme: "Basic", Parameter: { } basic })
            {
                return (null, Authorization?.Parameter);
            }
            var pair = System.Text.Encoding.UTF8.GetString(Convert.FromBase64String(basic)).Split(':', 2);
            return (pair[0], pair[1]);
        }
    }

    public FlowFaultException Unreachable(Exception error) =>
        new(FlowErrors.Communication($"{Server.Host}:{Server.Port} ({Protocol}): {error.Message}", 503, "Service Unavailable"));

    /// <param name="document">The document.</param>
    /// <param name="location">Its address, for messages.</param>
    /// <param name="call">The arguments of the call: channel or operation, server, protocol, message or subscription.</param>
    public static AsyncApiTarget Resolve(JqValue document, string location, JqValue call)
    {
        var isOld = document["asyncapi"].TryGetString(out var version) && version.StartsWith("2.", StringComparison.Ordinal);
        if (!isOld && version?.StartsWith("3.", StringComparison.Ordinal) != true)
        {
            throw Wrong($"{location} is no AsyncAPI document of version 2 or 3.");
        }
        var (channel, address, operation) = isOld ? FindOld(document, location, call) : FindNew(document, location, call);
        var (protocol, server) = FindServer(document, location, call, channel, isOld);
        var message = Documents.Deref(document, isOld ? operation["message"] : Fields(channel["messages"]).Select(m => m.Value).FirstOrDefault());
        var correlation = Documents.Deref(document, message["correlationId"])["location"];
        return new AsyncApiTarget(server, protocol, Expand(document, channel, address, call["message"]),
            Binding(Documents.Deref(document, operation["bindings"]), protocol), correlation.TryGetString(out var expression) ? expression : null);
    }

    /// <summary>The correlation id of a received message: what the document says, or else a header of that name.</summary>
    public JqValue Correlate(JqValue message) => CorrelationId is { } expression ? At(message, expression)
        : message["headers"]["correlationId"] is { IsNull: false } id ? id : message["headers"]["correlation-id"];

    /// <summary>The channel's address with the wildcard of its protocol in place of open parameters.</summary>
    public string WithWildcards(string wildcard) => Parameter().Replace(Channel, wildcard);

    private static (JqValue Channel, string Address, JqValue Operation) FindOld(JqValue document, string location, JqValue call)
    {
        var direction = call["message"].IsNull ? "subscribe" : "publish";
        var found = call["channel"].TryGetString(out var name)
            ? Fields(document["channels"]).FirstOrDefault(c => c.Key == name)
            : Fields(document["channels"]).FirstOrDefault(c => new[] { "publish", "subscribe" }.Any(d => c.Value[d].Kind == JqKind.Object && c.Value[d]["operationId"] == call["operation"]));
        if (found.Key is null)
        {
            throw Wrong($"{location} has no {(name is null ? $"operation {call["operation"].ToJson()}" : $"channel '{name}'")}.");
        }
        var channel = Documents.Deref(document, found.Value);
        return (channel, found.Key, Documents.Deref(document, channel[direction]));
    }

    private static (JqValue Channel, string Address, JqValue Operation) FindNew(JqValue document, string location, JqValue call)
    {
        var operation = JqValue.FromObject([]);
        JqValue channel;
        if (call["operation"].TryGetString(out var name))
        {
            operation = document["operations"].Kind == JqKind.Object && document["operations"].TryGetField(name, out var found) ? Documents.Deref(document, found) : throw Wrong($"{location} has no operation '{name}'.");
            channel = Documents.Deref(document, operation["channel"]);
        }
        else
        {
            name = call["channel"].GetString();
            channel = document["channels"].Kind == JqKind.Object && document["channels"].TryGetField(name, out var found) ? Documents.Deref(document, found) : throw Wrong($"{location} has no channel '{name}'.");
        }
        return (channel, channel["address"].TryGetString(out var address) ? address : throw Wrong($"The channel of '{name}' in {location} has no address."), operation);
    }

    private static (string Protocol, Uri Address) FindServer(JqValue document, string location, JqValue call, JqValue channel, bool isOld)
    {
        var named = List(channel["servers"]).Select(s => s.TryGetString(out var name) ? name : s["$ref"].TryGetString(out var reference) ? reference.Split('/')[^1] : "").ToHashSet();
        var servers = Fields(document["servers"]).Where(s => named.Count == 0 || named.Contains(s.Key)).Select(s => KeyValuePair.Create(s.Key, Documents.Deref(document, s.Value))).ToList();
        if (call["server"]["name"].TryGetString(out var wanted))
        {
            servers = [.. servers.Where(s => s.Key == wanted)];
        }
        else if (call["protocol"].TryGetString(out var protocol))
        {
            servers = [.. servers.Where(s => Spoken(s.Value) == Normal(protocol))];
        }
        if (servers.Count == 0)
        {
            throw Wrong($"{location} has no server for this call; its servers are {string.Join(", ", Fields(document["servers"]).Select(s => s.Key))}.");
        }
        var server = servers[0].Value;
        var text = isOld ? Text(server["url"]) : Text(server["host"]) + Text(server["pathname"]);
        foreach (var (name, variable) in Fields(server["variables"]))
        {
            var value = call["server"]["variables"].Kind == JqKind.Object && call["server"]["variables"].TryGetField(name, out var given) ? given : Documents.Deref(document, variable)["default"];
            text = text.Replace($"{{{name}}}", value.TryGetString(out var plain) ? plain : value.ToJson(), StringComparison.Ordinal);
        }
        
        if (!text.Contains("://", StringComparison.Ordinal))
        {
            text = $"{Text(server["protocol"])}://{text}";
        }
        return Uri.TryCreate(text, UriKind.Absolute, out var address) && address.Host.Length > 0 ? (Spoken(server), address) : throw Wrong($"The server '{servers[0].Key}' in {location} has no address: '{text}'.");
    }

    /// <summary>http, ws, nats, mqtt or mqtt5, or what else the server speaks.</summary>
    private static string Spoken(JqValue server)
    {
        var name = Normal(Text(server["protocol"]));
        return name == "mqtt" && Text(server["protocolVersion"]).StartsWith('5') ? "mqtt5" : name;
    }

    private static string Normal(string protocol) => protocol.ToLowerInvariant() switch
    {
        "https" => "http",
        "wss" => "ws",
        "mqtts" or "secure-mqtt" => "mqtt",
        "tls" => "nats",
        var other => other,
    };

    /// <summary>Parameters of the address: from the message where the document says so, or their default. A message needs all of them.</summary>
    private static string Expand(JqValue document, JqValue channel, string address, JqValue message) => Parameter().Replace(address, match =>
    {
        var name = match.Groups["name"].Value;
        var parameter = channel["parameters"].Kind == JqKind.Object ? Documents.Deref(document, channel["parameters"][name]) : JqValue.Null;
        var value = !message.IsNull && parameter["location"].TryGetString(out var expression) ? At(message, expression) : JqValue.Null;
        value = !value.IsNull ? value : !parameter["default"].IsNull ? parameter["default"] : parameter["schema"]["default"];
        return !value.IsNull ? value.TryGetString(out var text) ? text : value.ToJson()
            : message.IsNull ? match.Value
            : throw Wrong($"The channel '{address}' needs '{name}', which the message does not have.");
    });

    /// <summary>Evaluates <c>$message.payload#/a/b</c> and <c>$message.header#/a</c>.</summary>
    private static JqValue At(JqValue message, string expression)
    {
        if (RuntimeExpression().Match(expression) is not { Success: true } match)
        {
            return JqValue.Null;
        }
        var start = message[match.Groups["part"].Value == "payload" ? "payload" : "headers"];
        return match.Groups["pointer"].Value.Split('/', StringSplitOptions.RemoveEmptyEntries)
            .Select(t => t.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal))
            .Aggregate(start, (at, token) => at.Kind == JqKind.Object ? at[token] : JqValue.Null);
    }

    private static JqValue Binding(JqValue bindings, string protocol) =>
        bindings.Kind != JqKind.Object ? JqValue.Null : bindings.TryGetField(protocol, out var own) ? own : protocol == "mqtt5" ? bindings["mqtt"] : JqValue.Null;

    private static IEnumerable<KeyValuePair<string, JqValue>> Fields(JqValue value) => value.Kind == JqKind.Object ? value.EnumerateObject() : [];

    private static IEnumerable<JqValue> List(JqValue value) => value.Kind == JqKind.Array ? value.EnumerateArray() : [];

    private static string Text(JqValue value) => value.TryGetString(out var text) ? text : value.IsNull ? "" : value.ToJson();

    private static FlowFaultException Wrong(string detail) => new(FlowErrors.Configuration(detail));

    [GeneratedRegex(@"\{(?<name>[^{}]+)\}")]
    private static partial Regex Parameter();

    [GeneratedRegex(@"^\$message\.(?<part>payload|header)#(?<pointer>.*)$")]
    private static partial Regex RuntimeExpression();
}
