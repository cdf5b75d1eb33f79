using System.Security.Cryptography;
using System.Text;
using Baton.Durable.Storage;
using Baton.Durable.Visibility.Stored;
using Google.Protobuf;

namespace Baton.Durable.Visibility;

/// <summary>
/// The total order of a list and the positions in it. A position is the sort values of the last record of a page, so that records that
/// come or go between two pages neither shift nor repeat the others.
/// </summary>
/// <remarks>
/// A record without a value sorts as if its value were higher than any other: an open run, whose close time is yet to come, is first
/// where the latest are first. Ties are broken by run key, in the direction of the last attribute.
/// <para>A position is opaque to callers: a protobuf message behind eight bytes that check it and the order it belongs to.</para>
/// </remarks>
internal sealed class VisibilityOrdering : IComparer<VisibilityRecord>
{
    private const int CheckBytes = 8;

    private static readonly VisibilityOrder[] DefaultOrder =
    [
        new(VisibilityAttribute.OfSystem("CloseTime"), Descending: true),
        new(VisibilityAttribute.OfSystem("StartTime"), Descending: true),
    ];

    private readonly byte[] scope;

    public VisibilityOrdering(EntityKind kind, string namespaceId, VisibilityQuery query)
    {
        Terms = query.OrderBy.Count > 0 ? query.OrderBy : DefaultOrder;
        scope = Encoding.UTF8.GetBytes($"{(int)kind}\n{namespaceId}\n{string.Join('\n', Terms.Select(term => $"{term.Attribute.StoredName} {term.Descending}"))}\n");
    }

    /// <summary>Attributes from the most to the least significant. The run key comes after them.</summary>
    public IReadOnlyList<VisibilityOrder> Terms { get; }

    public bool RunKeyDescending => Terms[^1].Descending;

    public int Compare(VisibilityRecord? x, VisibilityRecord? y) => CompareTo(x!, y!.RunKey, Values(y));

    /// <summary>Whether the record comes after the position.</summary>
    public bool IsAfter(VisibilityRecord record, Position position) => CompareTo(record, position.RunKey, position.Values) > 0;

    public ReadOnlyMemory<byte> PositionOf(VisibilityRecord record)
    {
        var stored = new ListPosition();
        stored.Values.AddRange(Values(record).Append(record.RunKey).Select(Pack));
        var message = stored.ToByteArray();
        return (byte[])[.. Check(message), .. message];
    }

    /// <summary>The position that <see cref="PositionOf"/> gave, null when it is empty: the beginning.</summary>
    /// <exception cref="VisibilityQueryException">It was changed, or belongs to a list in another order or namespace.</exception>
    public Position? Read(ReadOnlyMemory<byte> opaque)
    {
        if (opaque.IsEmpty)
        {
            return null;
        }

        if (opaque.Length > CheckBytes && Check(opaque.Span[CheckBytes..]).AsSpan().SequenceEqual(opaque.Span[..CheckBytes]))
        {
            object?[] values = [.. ListPosition.Parser.ParseFrom(opaque.Span[CheckBytes..]).Values.Select(Unpack)];
            return new Position(values[..^1], (long)values[^1]!);
        }
        throw new VisibilityQueryException("invalid next page token: it was not given for a list with this query, or was changed on the way. Start again from the first page");
    }

    private object?[] Values(VisibilityRecord record) => [.. Terms.Select(term => term.Attribute.Read(record))];

    private int CompareTo(VisibilityRecord record, long runKey, IReadOnlyList<object?> values)
    {
        for (var i = 0; i < Terms.Count; i++)
        {
            var order = (Terms[i].Attribute.Read(record), values[i]) switch
            {
                (null, null) => 0,
                (null, _) => 1,
                (_, null) => -1,
                ({ } left, { } right) => StoredOrder.Compare(left, right),
            };
            if (order != 0)
            {
                return Terms[i].Descending ? -order : order;
            }
        }
        return RunKeyDescending ? runKey.CompareTo(record.RunKey) : record.RunKey.CompareTo(runKey);
    }

    // No secret is guarded here: whoever forges a position can only ask for records that the query would give anyway.
    private byte[] Check(ReadOnlySpan<byte> message) => SHA256.HashData([.. scope, .. message])[..CheckBytes];

    private static PositionValue Pack(object? value) => value switch
    {
        null => new PositionValue(),
        string text => new PositionValue { Text = text },
        double real => new PositionValue { Real = real },
        _ => new PositionValue { Number = (long)value },
    };

    private static object? Unpack(PositionValue value) => value.KindCase switch
    {
        PositionValue.KindOneofCase.Text => value.Text,
        PositionValue.KindOneofCase.Number => value.Number,
        PositionValue.KindOneofCase.Real => value.Real,
        _ => null,
    };

    /// <param name="Values">One for each of <see cref="Terms"/>, in stored form.</param>
    internal sealed record Position(IReadOnlyList<object?> Values, long RunKey);
}
