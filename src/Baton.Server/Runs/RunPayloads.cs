using System.Text.Json.Nodes;
using Google.Protobuf;
using Google.Protobuf.Collections;
using Google.Protobuf.Reflection;
using Temporalio.Api.Common.V1;
using Temporalio.Client;
using Temporalio.Converters;

namespace Baton.Server.Runs;

/// <summary>Values in messages of durable execution: through the codec where one is set, and as JSON.</summary>
internal sealed class RunPayloads(ITemporalClient client)
{
    private readonly IPayloadCodec? codec = client.Options.DataConverter.PayloadCodec;

    /// <summary>The message as JSON, with payloads as the values that they carry.</summary>
    public async Task<JsonObject> JsonAsync<T>(T message)
        where T : IMessage<T>
    {
        if (codec is null)
        {
            return ProtoJson.ToJson(message);
        }
        var copy = message.Clone();
        await DecodeAsync(copy);
        return ProtoJson.ToJson(copy);
    }

    /// <summary>One value, or a list where there are several; null where there is none.</summary>
    public async Task<JsonNode?> ValueAsync(Payloads? payloads) => payloads is null ? null : ProtoJson.Values(await DecodedAsync(payloads));

    public async Task<Payloads> DecodedAsync(Payloads payloads) => codec is null ? payloads : new() { Payloads_ = { await codec.DecodeAsync(payloads.Payloads_) } };

    /// <summary>A text of a memo; null where it is none.</summary>
    public async Task<string?> TextAsync(IDictionary<string, Payload>? fields, string name) => fields is null || !fields.TryGetValue(name, out var payload)
        ? null
        : Text(codec is null ? payload : (await codec.DecodeAsync([payload])).Single());

    /// <summary>A text of a search attribute, which no codec encodes; null where it is none.</summary>
    public static string? Text(IDictionary<string, Payload>? fields, string name) => fields is not null && fields.TryGetValue(name, out var payload) ? Text(payload) : null;

    private static string? Text(Payload payload)
    {
        try
        {
            return ProtoJson.Value(payload) is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;
        }
        catch (FormatException)
        {
            return null;
        }
    }

    private async Task DecodeAsync(IMessage message)
    {
        foreach (var field in message.Descriptor.Fields.InDeclarationOrder().Where(field => field.FieldType == FieldType.Message))
        {
            switch (field.Accessor.GetValue(message))
            {
                case RepeatedField<Payload> { Count: > 0 } list:
                    var decoded = await codec!.DecodeAsync(list);
                    list.Clear();
                    list.AddRange(decoded);
                    break;
                case MapField<string, Payload> map:
                    foreach (var (key, payload) in map.ToList())
                    {
                        map[key] = (await codec!.DecodeAsync([payload])).Single();
                    }
                    break;
                case Payload payload:
                    field.Accessor.SetValue(message, (await codec!.DecodeAsync([payload])).Single());
                    break;
                case IMessage inner:
                    await DecodeAsync(inner);
                    break;
                case System.Collections.IEnumerable items and not System.Collections.IDictionary:
                    foreach (var inner in items.OfType<IMessage>())
                    {
                        await DecodeAsync(inner);
                    }
                    break;
            }
        }
    }
}
