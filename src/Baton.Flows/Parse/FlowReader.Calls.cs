using Baton.Flows.Expressions;
using Baton.Flows.Model;
using Baton.Flows.Validate;

namespace Baton.Flows.Parse;

/// <content>Calls: one method per protocol, each checking the arguments that the language defines for it.</content>
public sealed partial class FlowReader
{
    private static readonly string[] McpMethods = ["tools/list", "tools/call", "prompts/list", "prompts/get", "resources/list", "resources/read", "resources/templates/list"];

    private static readonly string[] A2aMethods =
    [
        "message/send", "message/stream", "tasks/get", "tasks/list", "tasks/cancel", "tasks/resubscribe", "tasks/pushNotificationConfig/set",
        "tasks/pushNotificationConfig/get", "tasks/pushNotificationConfig/list", "tasks/pushNotificationConfig/delete", "agent/getAuthenticatedExtendedCard",
    ];

    private static readonly string[] Protocols =
    [
        "amqp", "amqp1", "anypointmq", "googlepubsub", "http", "ibmmq", "jms", "kafka", "mercure", "mqtt", "mqtt5", "nats", "pulsar", "redis", "sns",
        "solace", "sqs", "stomp", "ws",
    ];

    private CallTask? ReadCall(MapReader map, string name, VariableScope scope)
    {
        var function = map.Text("call");
        if (function is null)
        {
            return null;
        }
        var task = new CallTask { Name = name, Pointer = map.Pointer, Source = map.Node, Function = function, With = FlowTemplate.EmptyObject };
        var arguments = task.IsFunction ? map.Optional("with") : map.Required("with");
        if (arguments is null)
        {
            return task;
        }
        var with = new MapReader(arguments, map.At("with"), $"'with' of {function}", _problems);
        if (arguments.Kind != SourceKind.Mapping)
        {
            return null;
        }
        task = function switch
        {
            "http" => ReadHttp(task, with, scope),
            "openapi" => ReadOpenApi(task, with, scope),
            "grpc" => ReadGrpc(task, with, scope),
            "asyncapi" => ReadAsyncApi(task, with, scope),
            "a2a" => ReadA2a(task, with, scope),
            "mcp" => ReadMcp(task, with, scope),
            _ => task,
        };
        if (task.IsFunction)
        {
            return task with { With = _expressions.Template(arguments, with.Pointer, scope) };
        }
        with.End();
        return task with { With = _expressions.Template(Without(arguments, "endpoint", "document", "proto", "agentCard", function == "a2a" ? "server" : "", "authentication", "subscription", "timeout"), with.Pointer, scope) };
    }

    private CallTask ReadHttp(CallTask task, MapReader with, VariableScope scope)
    {
        with.Text("method", required: true);
        CheckStringMap(with, "headers");
        CheckStringMap(with, "query");
        with.Ignore("body");
        with.Choice("output", "content", "raw", "content", "response");
        with.Flag("redirect", false);
        return task with { Endpoint = ReadEndpoint(with.Required("endpoint"), with.At("endpoint"), scope) };
    }

    private CallTask ReadOpenApi(CallTask task, MapReader with, VariableScope scope)
    {
        with.Text("operationId", required: true);
        with.Names("parameters");
        with.Choice("output", "content", "raw", "content", "response");
        with.Flag("redirect", false);
        return task with
        {
            Document = ReadResource(with.Required("document"), with.At("document"), scope),
            Authentication = OptionalAuthentication(with, scope),
        };
    }

    private CallTask ReadGrpc(CallTask task, MapReader with, VariableScope scope)
    {
        with.Text("method", required: true);
        with.Names("arguments");
        FlowAuthentication? authentication = null;
        if (with.Required("service") is { } node)
        {
            var service = new MapReader(node, with.At("service"), "A gRPC service", _problems);
            service.Text("name", required: true);
            service.Text("host", required: true);
            service.Integer("port", 0, 65535);
            authentication = OptionalAuthentication(service, scope);
            service.End();
        }
        return task with { Document = ReadResource(with.Required("proto"), with.At("proto"), scope), Authentication = authentication };
    }

    private CallTask ReadAsyncApi(CallTask task, MapReader with, VariableScope scope)
    {
        with.Text("channel");
        with.Text("operation");
        if (!with.Has("channel") && !with.Has("operation"))
        {
            _problems.Error(FlowCodes.WrongChoice, with.Node.Position, with.Pointer, "An AsyncAPI call needs 'operation' (AsyncAPI 3) or 'channel' (AsyncAPI 2).", "Give one of them.");
        }
        if (with.Has("message") == with.Has("subscription"))
        {
            _problems.Error(FlowCodes.WrongChoice, with.Node.Position, with.Pointer, "An AsyncAPI call either publishes a 'message' or has a 'subscription'.", "Give exactly one of them.");
        }
        with.Choice("protocol", "", Protocols);
        if (with.Optional("server") is { } server)
        {
            new MapReader(server, with.At("server"), "A server", _problems).Text("name", required: true);
        }
        if (with.Optional("message") is { } message)
        {
            new MapReader(message, with.At("message"), "A message", _problems).Ignore("payload", "headers").End();
        }
        return task with
        {
            Document = ReadResource(with.Required("document"), with.At("document"), scope),
            Authentication = OptionalAuthentication(with, scope),
            Subscription = with.Optional("subscription") is { } subscription ? ReadSubscription(subscription, with.At("subscription"), scope) : null,
        };
    }

    private AsyncApiSubscription? ReadSubscription(SourceNode node, string pointer, VariableScope scope)
    {
        var map = new MapReader(node, pointer, "A subscription", _problems);
        var filter = ReadCondition(map, "filter", scope);
        var consume = map.Required("consume");
        var iterator = ReadIterator(map.Optional("foreach"), map.At("foreach"), scope);
        map.End();
        if (consume is null)
        {
            return null;
        }
        var policy = new MapReader(consume, map.At("consume"), "'consume'", _problems);
        var subscription = new AsyncApiSubscription(filter, policy.Integer("amount", 1, 10_000), ReadCondition(policy, "while", scope), ReadCondition(policy, "until", scope),
            ReadDuration(policy.Optional("for"), policy.At("for"), scope), iterator);
        policy.End();
        string[] bounds = ["amount", "while", "until"];
        if (bounds.Count(policy.Has) != 1)
        {
            _problems.Error(FlowCodes.WrongChoice, consume.Position, policy.Pointer, "'consume' needs exactly one of: amount, while, until.", "Give one of them.");
        }
        return subscription;
    }

    private CallTask ReadA2a(CallTask task, MapReader with, VariableScope scope)
    {
        with.Required("method");
        with.Choice("method", "", A2aMethods);
        CheckParameters(with);
        if (!with.Has("agentCard") && !with.Has("server"))
        {
            _problems.Error(FlowCodes.WrongChoice, with.Node.Position, with.Pointer, "An A2A call needs 'agentCard' or 'server'.", "Give one of them.");
        }
        return task with
        {
            Document = ReadResource(with.Optional("agentCard"), with.At("agentCard"), scope),
            Endpoint = ReadEndpoint(with.Optional("server"), with.At("server"), scope),
        };
    }

    private CallTask ReadMcp(CallTask task, MapReader with, VariableScope scope)
    {
        with.Text("protocolVersion");
        with.Required("method");
        with.Choice("method", "", McpMethods);
        CheckParameters(with);
        var timeout = ReadDuration(with.Optional("timeout"), with.At("timeout"), scope);
        if (with.Optional("client") is { } client)
        {
            var map = new MapReader(client, with.At("client"), "A client", _problems);
            map.Text("name", required: true);
            map.Text("version", required: true);
            map.End();
        }
        FlowEndpoint? endpoint = null;
        if (with.Required("transport") is { } node)
        {
            var transport = new MapReader(node, with.At("transport"), "A transport", _problems);
            if (transport.Has("http") == transport.Has("stdio"))
            {
                _problems.Error(FlowCodes.WrongChoice, node.Position, transport.Pointer, "A transport is either 'http' or 'stdio'.", "Give exactly one of them.");
            }
            if (transport.Optional("http") is { } http)
            {
                var map = new MapReader(http, transport.At("http"), "'http'", _problems);
                endpoint = ReadEndpoint(map.Required("endpoint"), map.At("endpoint"), scope);
                CheckStringMap(map, "headers");
                map.End();
            }
            if (transport.Optional("stdio") is { } stdio)
            {
                var map = new MapReader(stdio, transport.At("stdio"), "'stdio'", _problems);
                map.Text("command", required: true);
                map.List("arguments");
                CheckStringMap(map, "environment");
                map.End();
            }
            transport.Ignore("options").End();
        }
        return task with { Endpoint = endpoint, CallTimeout = timeout };
    }

    private void CheckParameters(MapReader with)
    {
        if (with.Optional("parameters") is { Kind: not (SourceKind.Mapping or SourceKind.String) } other)
        {
            with.WrongType(other, "parameters", "an object or an expression (a string)");
        }
    }

    private FlowAuthentication? OptionalAuthentication(MapReader map, VariableScope scope) =>
        map.Optional("authentication") is { } node ? ReadAuthentication(node, map.At("authentication"), scope, referenceable: true) : null;

    private void CheckStringMap(MapReader map, string key)
    {
        var node = map.Optional(key);
        switch (node?.Kind)
        {
            case null:
                return;
            case SourceKind.String when ExpressionCompiler.IsExpression(node.Text!):
                return;
            case SourceKind.Mapping:
                foreach (var entry in node.Entries.Where(e => e.Value.Kind != SourceKind.String))
                {
                    if (entry.Value.Kind is SourceKind.Number or SourceKind.Boolean)
                    {
                        _problems.Warning(FlowCodes.WrongType, entry.Value.Position, map.At(key), $"The public schema allows only strings in '{key}'; '{entry.Key}' is {entry.Value.Describe()}.", "Put the value in quotes.");
                    }
                    else
                    {
                        _problems.Error(FlowCodes.WrongType, entry.Value.Position, map.At(key), $"'{entry.Key}' in '{key}' must be a string, not {entry.Value.Describe()}.", "Write a string.");
                    }
                }
                return;
            default:
                map.WrongType(node, key, "an object of strings or an expression ${ ... } (a string)");
                return;
        }
    }
}
