using System.Text.Json;
using Baton.Jq;
using Microsoft.EntityFrameworkCore.ChangeTracking;
using Microsoft.EntityFrameworkCore.Storage.ValueConversion;

namespace Baton.Server.Data;

/// <summary>JSON in text columns, the same on both databases; nothing asks the database what is in it.</summary>
internal static class JsonColumns
{
    public static ValueConverter<JqValue, string> Value { get; } = new(value => value.ToJson(), text => JqValue.Parse(text));

    public static ValueComparer<JqValue> ValueComparer { get; } = new((a, b) => a == b, value => value.GetHashCode());

    public static ValueConverter<IReadOnlyList<T>, string> List<T>() =>
        new(list => JsonSerializer.Serialize(list, JsonSerializerOptions.Web), text => JsonSerializer.Deserialize<List<T>>(text, JsonSerializerOptions.Web)!);

    /// <summary>A list is replaced, never changed.</summary>
    public static ValueComparer<IReadOnlyList<T>> ListComparer<T>() => new((a, b) => ReferenceEquals(a, b), list => list.Count);
}
