using Baton.Durable.Storage;
using Baton.Durable.Visibility;
using Google.Protobuf;
using Xunit;

namespace Baton.Durable.Tests.Storage;

/// <summary>Rows to store.</summary>
internal static class Samples
{
    private static readonly DateTimeOffset Epoch = new(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);

    public static DateTimeOffset Time(double seconds) => Epoch.AddSeconds(seconds);

    public static void Commit(IDurableStore store, Action<WriteBatch> write)
    {
        var batch = new WriteBatch();
        write(batch);
        store.Commit(batch);
    }

    public static EntityRecord Entity(long runKey, byte[]? state = null) => new(runKey, EntityKind.Workflow, "ns", $"id-{runKey}", $"run-{runKey}", state ?? [1, 2, 3]);

    public static HistoryBatch Events(long first, int count) => new(first, count, ByteString.CopyFromUtf8($"events {first}"));

    public static VisibilityRecord Record(long runKey) => new()
    {
        RunKey = runKey,
        Kind = EntityKind.Workflow,
        NamespaceId = "ns",
        Id = $"id-{runKey}",
        RunId = $"run-{runKey}",
        Type = "Type",
        TaskQueue = "queue",
        Status = 1,
        StartTime = Time(runKey),
        ExecutionTime = Time(runKey),
    };

    /// <summary>With every field set.</summary>
    public static VisibilityRecord Full(long runKey) => Record(runKey) with
    {
        Status = 3,
        StartTime = Time(1.2345678),
        ExecutionTime = Time(2.3456789),
        CloseTime = Time(99.0000001),
        DeleteAt = Time(1e6),
        HistoryLength = 51_200,
        HistorySizeBytes = 1L << 40,
        StateTransitionCount = 12,
        ParentId = "parent",
        ParentRunId = "parent-run",
        RootId = "root",
        RootRunId = "root-run",
        Memo = ByteString.CopyFrom(1, 2, 3),
        Extra = ByteString.CopyFrom(0, 0),
        Attributes = Attributes(
            ("Color", Keyword("red")),
            ("Words", Text("The quick brown fox")),
            ("Count", new AttributeValue(AttributeType.Int, -5L)),
            ("Score", new AttributeValue(AttributeType.Double, 0.1)),
            ("Done", new AttributeValue(AttributeType.Bool, true)),
            ("When", new AttributeValue(AttributeType.Datetime, Time(0.5))),
            ("Tags", List("a", "b", "a"))),
    };

    public static VisibilityRecord Random(Random random, long runKey)
    {
        string[] colors = ["red", "green", "blue", "日本", "😀"];
        var attributes = new List<(string, AttributeValue)>();
        if (random.Next(3) > 0)
        {
            attributes.Add(("Score", new AttributeValue(AttributeType.Double, random.Next(8) / 2.0)));
        }

        if (random.Next(3) > 0)
        {
            attributes.Add(("Color", Keyword(colors[random.Next(colors.Length)])));
        }

        return Record(runKey) with
        {
            StartTime = Time(random.Next(10)),
            CloseTime = random.Next(3) == 0 ? null : Time(random.Next(10, 20)),
            ParentId = random.Next(2) == 0 ? "" : colors[random.Next(colors.Length)],
            Attributes = Attributes([.. attributes]),
        };
    }

    public static AttributeValue Keyword(string text) => new(AttributeType.Keyword, text);

    public static AttributeValue Text(string text) => new(AttributeType.Text, text);

    public static AttributeValue List(params string[] items) => new(AttributeType.KeywordList, items);

    public static Dictionary<string, AttributeValue> Attributes(params (string Name, AttributeValue Value)[] attributes) =>
        attributes.ToDictionary(attribute => attribute.Name, attribute => attribute.Value);

    public static VisibilityQuery Query(string text, params (string Name, AttributeType Type)[] custom) =>
        VisibilityQuery.Parse(text, custom.ToDictionary(attribute => attribute.Name, attribute => attribute.Type), EntityKind.Workflow);

    public static void AssertSame(VisibilityRecord expected, VisibilityRecord actual)
    {
        Dictionary<string, AttributeValue> none = [];
        Assert.Equal(expected with { Attributes = none }, actual with { Attributes = none });
        Assert.Equal(expected.Attributes.Keys.Order(), actual.Attributes.Keys.Order());
        foreach ((var name, var value) in expected.Attributes)
        {
            Assert.Equal(value.Type, actual.Attributes[name].Type);
            Assert.Equal(value.Value, actual.Attributes[name].Value);
        }
    }
}
