using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Baton.Server.Events;
using GraphQL.Types;
using GraphQLParser.AST;

namespace Baton.Server.GraphQl;

/// <summary>Any JSON, in answers only.</summary>
internal sealed class JsonScalar : ScalarGraphType
{
    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web) { Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) } };

    public JsonScalar() => Name = "JSON";

    public override object? Serialize(object? value) => value is null or JsonNode ? value : JsonSerializer.SerializeToNode(value, Options);

    public override object? ParseValue(object? value) => ThrowValueConversionError(value);

    public override object? ParseLiteral(GraphQLValue value) => ThrowLiteralConversionError(value);
}

/// <summary>The properties of a type of the API, and nothing else of it.</summary>
internal sealed class ApiType<T> : AutoRegisteringObjectGraphType<T>
{
    protected override IEnumerable<MemberInfo> GetRegisteredMembers() => typeof(T).GetProperties(BindingFlags.Public | BindingFlags.Instance);
}

/// <summary>Which types of the schema stand for types of the API.</summary>
internal sealed class ApiTypes : IGraphTypeMappingProvider
{
    public Type? GetGraphTypeFromClrType(Type clrType, bool isInputType, Type? preferredGraphType) => preferredGraphType ?? (clrType switch
    {
        _ when clrType == typeof(object) || clrType == typeof(CloudEvent) || typeof(JsonNode).IsAssignableFrom(clrType) => typeof(JsonScalar),
        { IsEnum: true } => typeof(EnumerationGraphType<>).MakeGenericType(clrType),
        { IsClass: true, Namespace: { } ns } when ns.StartsWith("Baton.", StringComparison.Ordinal) && !isInputType => typeof(ApiType<>).MakeGenericType(clrType),
        _ => null,
    });
}
