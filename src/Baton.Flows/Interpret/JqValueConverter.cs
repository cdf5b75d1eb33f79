using System.Text.Json;
using System.Text.Json.Serialization;
using Baton.Jq;

namespace Baton.Flows.Interpret;

/// <summary>Writes a <see cref="JqValue"/> as the JSON that it is.</summary>
public sealed class JqValueConverter : JsonConverter<JqValue>
{
    public override bool HandleNull => true;

    public override JqValue Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        using var document = JsonDocument.ParseValue(ref reader);
        return JqValue.From(document.RootElement);
    }

    public override void Write(Utf8JsonWriter writer, JqValue value, JsonSerializerOptions options) => value.WriteTo(writer);
}
