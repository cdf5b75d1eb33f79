using System.Globalization;
using Baton.Durable.Storage;
using Baton.Durable.Storage.Sqlite;
using Baton.Durable.Storage.Volatile;
using Baton.Durable.Tests.Storage;
using Baton.Durable.Visibility;
using CsCheck;
using Google.Protobuf;
using Xunit;

namespace Baton.Durable.Tests.Visibility;

/// <summary>That the SQL of a query and its predicate mean the same: random queries over random records, in both stores.</summary>
public sealed class VisibilityAgreementTests : IAsyncLifetime
{
    private static readonly Dictionary<string, AttributeType> Custom = new()
    {
        ["Color"] = AttributeType.Keyword,
        ["Words"] = AttributeType.Text,
        ["Tags"] = AttributeType.KeywordList,
        ["Size"] = AttributeType.Int,
        ["Ratio"] = AttributeType.Double,
        ["Done"] = AttributeType.Bool,
        ["Due"] = AttributeType.Datetime,
        ["Never"] = AttributeType.Keyword,
    };

    // Few of each, so that queries hit; with order traps of UTF-8 against UTF-16, of numbers, and of beginnings.
    private static readonly string[] Texts = ["", "a", "ab", "b", "\uFFFD", "\uD7FF", "😀", "😀b", "\U0010FFFF", "it's", "日本"];
    private static readonly long[] Numbers = [long.MinValue, -1, 0, 1, 2, 1L << 53, (1L << 53) + 1, long.MaxValue];
    private static readonly double[] Reals = [double.MinValue, -0.5, -0.0, 0.0, 0.5, 1, double.Epsilon, double.MaxValue];
    private static readonly string[] Words = ["fox", "Fox dog", "dog, cat!", "...", "", "日本 fox"];

    private readonly TempDirectory directory = new();
    private readonly VolatileStore model = new();
    private SqliteStore store = null!;

    public ValueTask InitializeAsync()
    {
        store = SqliteStore.Open(directory.File("baton.db"));
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        await store.DisposeAsync();
        directory.Dispose();
    }

    [Fact]
    public void Both_stores_find_the_same_in_the_same_order()
    {
        long nonEmpty = 0, queries = 0;
        var batch = new WriteBatch();
        foreach ((VisibilityRecord record, int i) in Record.Array[200].Single().Select((record, i) => (record, i)))
        {
            batch.Visibility[i + 1] = record with { RunKey = i + 1 };
        }

        model.Commit(batch);
        store.Commit(batch);
        Gen.Select(Query, Gen.Int[1, 60]).Sample((text, pageSize) =>
        {
            var query = VisibilityQuery.Parse(text, Custom, EntityKind.Workflow);
            var expected = AllPages(model.Visibility, query, 1_000);
            Assert.Equal(expected, AllPages(store.Visibility, query, pageSize));
            Assert.Equal(expected, AllPages(model.Visibility, query, pageSize));
            Assert.Equal(expected.Length, store.Visibility.Count(EntityKind.Workflow, "ns", query));
            Assert.Equal(Groups(model.Visibility, query), Groups(store.Visibility, query));
            Interlocked.Add(ref nonEmpty, Math.Sign(expected.Length));
            Interlocked.Increment(ref queries);
        }, iter: 2_000, threads: 1);
        Assert.True(nonEmpty * 3 > queries, $"only {nonEmpty} of {queries} queries found anything");
    }

    private static long[] AllPages(IVisibilityReader reader, VisibilityQuery query, int pageSize)
    {
        var keys = new List<long>();
        ReadOnlyMemory<byte> next = default;
        do
        {
            var page = reader.List(EntityKind.Workflow, "ns", query, pageSize, next);
            keys.AddRange(page.Records.Select(record => record.RunKey));
            next = page.Next;
        }
        while (!next.IsEmpty);
        return [.. keys];
    }

    private static IEnumerable<string> Groups(IVisibilityReader reader, VisibilityQuery query) => query.GroupBy.Count == 0 ? [] : reader
        .CountGroups(EntityKind.Workflow, "ns", query)
        .Select(group => string.Create(CultureInfo.InvariantCulture, $"{string.Join(',', group.Values.Select(value => Show(value)))}: {group.Count}")).Order(StringComparer.Ordinal);

    // Minus zero and zero are one group, of which either may be the name.
    private static string Show(AttributeValue? value) => value?.Value is 0.0 ? "0" : string.Create(CultureInfo.InvariantCulture, $"{value?.Value}");

    private static Gen<VisibilityRecord> Record { get; } =
        from texts in Gen.OneOf(Texts).Array[6]
        from status in Gen.Int[1, 4]
        from times in Gen.Int[0, 3].Array[3]
        from numbers in Gen.Int[0, 2].Array[3]
        from closed in Gen.Bool
        from color in Gen.OneOf(Texts)
        from words in Gen.OneOf(Words)
        from tags in Gen.OneOf(Texts).Array[0, 3]
        from size in Gen.OneOf(Numbers)
        from ratio in Gen.OneOf([.. Reals, double.NaN])
        from done in Gen.Bool
        from due in Gen.Int[0, 3]
        from has in Gen.Bool.Array[7]
        select new VisibilityRecord
        {
            RunKey = 0,
            Kind = EntityKind.Workflow,
            NamespaceId = "ns",
            Id = texts[0],
            RunId = texts[1],
            Type = texts[2],
            TaskQueue = texts[3],
            Status = status,
            StartTime = Samples.Time(times[0]),
            ExecutionTime = Samples.Time(times[0] + times[1]),
            CloseTime = closed ? Samples.Time(times[0] + times[1] + times[2]) : null,
            HistoryLength = numbers[0],
            HistorySizeBytes = numbers[1],
            StateTransitionCount = numbers[2],
            ParentId = texts[4],
            RootId = texts[5],
            Memo = ByteString.Empty,
            Attributes = new (string Name, AttributeValue Value)[]
            {
                ("Color", Samples.Keyword(color)),
                ("Words", Samples.Text(words)),
                ("Tags", Samples.List(tags)),
                ("Size", new AttributeValue(AttributeType.Int, size)),
                ("Ratio", new AttributeValue(AttributeType.Double, ratio)),
                ("Done", new AttributeValue(AttributeType.Bool, done)),
                ("Due", new AttributeValue(AttributeType.Datetime, Samples.Time(due))),
            }.Where((_, i) => has[i]).ToDictionary(attribute => attribute.Name, attribute => attribute.Value),
        };

    private static readonly (string Name, Gen<string> Value, string Operators)[] Attributes =
    [
        ("WorkflowId", Text, "keyword"), ("RunId", Text, "keyword"), ("WorkflowType", Text, "keyword"), ("TaskQueue", Text, "keyword"),
        ("ParentWorkflowId", Text, "keyword"), ("RootWorkflowId", Text, "keyword"), ("Color", Text, "keyword"), ("Never", Text, "keyword"),
        ("ExecutionStatus", Gen.OneOf("'Running'", "'Completed'", "3", "'TimedOut'"), "set"),
        ("StartTime", Time, "ordered"), ("ExecutionTime", Time, "ordered"), ("CloseTime", Time, "ordered"), ("Due", Time, "ordered"),
        ("HistoryLength", Number, "ordered"), ("StateTransitionCount", Number, "ordered"), ("Size", Number, "ordered"), ("Ratio", Real, "ordered"),
        ("ExecutionDuration", Gen.OneOf("'1s'", "'00:00:02'", "3000000000", "0"), "ordered"),
        ("Words", Gen.OneOf("'fox'", "'FOX cat'", "'nothing'", "'日本'"), "set"), ("Tags", Text, "set"), ("Done", Gen.OneOf("true", "false"), "set"),
    ];

    private static Gen<string> Text => Gen.OneOf(Texts).Select(text => $"'{text.Replace("'", "''", StringComparison.Ordinal)}'");

    private static Gen<string> Number => Gen.OneOf<string>(Gen.OneOf(Numbers).Select(number => number.ToString(CultureInfo.InvariantCulture)), Real);

    private static Gen<string> Real => Gen.OneOf(Reals).Select(number => number.ToString("R", CultureInfo.InvariantCulture));

    private static Gen<string> Time => Gen.Int[-1, 8].Select(second => $"'{Samples.Time(second):yyyy-MM-dd'T'HH:mm:ss'Z'}'");

    private static Gen<string> Predicate { get; } =
        from attribute in Gen.OneOf(Attributes)
        from values in attribute.Value.Array[3]
        from form in Gen.Int[0, 12]
        select (attribute.Operators, form) switch
        {
            (_, 0) => $"{attribute.Name} IS NULL",
            (_, 1) => $"{attribute.Name} IS NOT NULL",
            (_, 2) => $"{attribute.Name} = {values[0]}",
            (_, 3) => $"{attribute.Name} != {values[0]}",
            (_, 4) => $"{attribute.Name} IN ({string.Join(", ", values)})",
            (_, 5) => $"{attribute.Name} NOT IN ({values[0]}, {values[1]})",
            ("keyword", 6 or 7) => $"{attribute.Name} STARTS_WITH {values[0]}",
            ("keyword", 8) => $"{attribute.Name} NOT STARTS_WITH {values[0]}",
            ("set", _) => $"{attribute.Name} = {values[2]}",
            (_, 9) => $"{attribute.Name} BETWEEN {values[0]} AND {values[1]}",
            (_, 10) => $"{attribute.Name} NOT BETWEEN {values[0]} AND {values[1]}",
            (_, 11) => $"{attribute.Name} >= {values[0]}",
            (_, 12) => $"{attribute.Name} < {values[0]}",
            (_, 6) => $"{attribute.Name} > {values[0]}",
            _ => $"{attribute.Name} <= {values[0]}",
        };

    private static Gen<string> Filter(int depth) => depth == 0
        ? Predicate
        : Gen.Frequency(
            (4, Predicate),
            (2, Gen.Select(Filter(depth - 1), Filter(depth - 1), (left, right) => $"{left} AND {right}")),
            (3, Gen.Select(Filter(depth - 1), Filter(depth - 1), (left, right) => $"({left} OR {right})")),
            (1, Filter(depth - 1).Select(inner => $"NOT ({inner})")));

    private static Gen<string> Clause(string keyword, string[] directions) =>
        from attributes in Gen.OneOf(Attributes).Array[1, 3]
        from direction in Gen.OneOf(directions).Array[3]
        let sortable = attributes.Where(attribute => attribute.Name is not ("Words" or "Tags")).Select((attribute, i) => $"{attribute.Name}{direction[i]}").ToArray()
        select sortable.Length == 0 ? "" : $" {keyword} BY {string.Join(", ", sortable)}";

    private static Gen<string> Query { get; } =
        from filter in Gen.Frequency((6, Filter(2)), (1, Gen.Const("")))
        from order in Gen.Frequency((1, Gen.Const("")), (2, Clause("ORDER", ["", " ASC", " DESC"])))
        from @group in Gen.Frequency((2, Gen.Const("")), (1, Clause("GROUP", [""])))
        select filter + order + @group;
}
