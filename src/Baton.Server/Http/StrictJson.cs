using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Baton.Server.Http;

/// <summary>Makes what a request's type says about null hold: a text that may not be null is asked for, and null is refused; of several things one must be chosen. Answers are not touched.</summary>
internal static class StrictJson
{
    public static void RequireWhatCannotBeNull(this JsonSerializerOptions options) => options.TypeInfoResolver = options.TypeInfoResolver!.WithAddedModifier(Require);

    private static void Require(JsonTypeInfo type)
    {
        foreach (var property in type.Properties)
        {
            if (property.AssociatedParameter is { IsNullable: false, HasDefaultValue: false, IsMemberInitializer: false } parameter && (parameter.ParameterType.IsEnum || !parameter.ParameterType.IsValueType))
            {
                property.IsRequired = true;
                property.IsSetNullable &= parameter.ParameterType.IsEnum;
            }
        }
    }
}
