using System.Text.Json.Nodes;
using Baton.Jq;
using DotLiquid;
using DotLiquid.Exceptions;

namespace Baton.Flows.Functions;

/// <summary>Liquid templates: no file access, no includes, no .NET objects, bounded in time and loops.</summary>
internal sealed class TemplateFunction : IFlowFunction
{
    private const int MaxIterations = 100_000;
    private const int TimeoutMs = 5_000;

    public FlowFunctionDescriptor Descriptor { get; } = new("template", "1.0.0", "Renders a Liquid template.",
        JqValue.Parse("""
            {"type":"object","required":["template"],"additionalProperties":false,"properties":{
              "template":{"type":"string","description":"Liquid, with the members of 'data' as variables."},
              "data":{"type":"object"}}}
            """),
        JqValue.Parse("""{"type":"string"}"""));

    public Task<FlowFunctionResult> InvokeAsync(FlowFunctionCall call, CancellationToken cancellationToken)
    {
        try
        {
            var template = Template.Parse(call.Arguments["template"].GetString());
            var data = call.Arguments["data"].ToJsonNode() is JsonObject members ? members.ToDictionary(m => m.Key, m => Value(m.Value)) : [];
            var context = new Context([Hash.FromDictionary(data)], new Hash(), new Hash(), ErrorsOutputMode.Rethrow, MaxIterations, System.Globalization.CultureInfo.InvariantCulture, cancellationToken);
            using var writer = new StringWriter();
            template.Render(writer, new RenderParameters(System.Globalization.CultureInfo.InvariantCulture) { Context = context, Timeout = TimeoutMs });
            return Task.FromResult<FlowFunctionResult>(JqValue.From(writer.ToString()));
        }
        catch (LiquidException error)
        {
            throw new FlowFaultException(FlowErrors.Configuration($"The template is not valid Liquid, or fails: {error.Message}"));
        }
    }

    private static object? Value(JsonNode? node) => node switch
    {
        null => null,
        JsonObject members => Hash.FromDictionary(members.ToDictionary(m => m.Key, m => Value(m.Value))),
        JsonArray items => items.Select(Value).ToList(),
        JsonValue value when value.TryGetValue<bool>(out var boolean) => boolean,
        JsonValue value when value.TryGetValue<long>(out var whole) => whole,
        JsonValue value when value.TryGetValue<double>(out var number) => number,
        _ => node.ToString(),
    };
}
