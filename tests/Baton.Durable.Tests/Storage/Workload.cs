using System.Globalization;
using System.Text;
using Baton.Durable.Storage;
using Baton.Durable.Storage.Volatile;
using Baton.Durable.Visibility;
using Google.Protobuf;
using Xunit;

namespace Baton.Durable.Tests.Storage;

/// <summary>
/// A stream of batches as an engine makes them: the n-th starts a run, moves the ones before it, closes an older one and deletes an old
/// one. What a store must hold after n batches is what a volatile store holds after them.
/// </summary>
/// <remarks>The fixtures of released formats hold this stream: never change what <see cref="Batch"/> gives for a number.</remarks>
internal static class Workload
{
    private const string Namespace = "9f0c6a5e-0000-4000-8000-000000000001";

    public static WriteBatch Batch(int number)
    {
        var batch = new WriteBatch();
        var random = new Random(number);
        Start(batch, number, random);
        for (var run = number - 1; run > Math.Max(0, number - 5); run--)
        {
            Step(batch, run, number, random);
        }

        if (number > 5)
        {
            Close(batch, number - 5, number);
        }

        if (number > 12)
        {
            Delete(batch, number - 12);
        }

        batch.Documents[("workload", "batches")] = Encoding.UTF8.GetBytes(number.ToString(CultureInfo.InvariantCulture));
        return batch;
    }

    public static IDurableStore Model(int batches)
    {
        var model = new VolatileStore();
        for (var number = 1; number <= batches; number++)
        {
            model.Commit(Batch(number));
        }

        return model;
    }

    /// <summary>How many batches the store holds.</summary>
    public static int Committed(IDurableStore store) =>
        store.Documents.Get("workload", "batches") is { } text ? int.Parse(Encoding.UTF8.GetString(text), CultureInfo.InvariantCulture) : 0;

    /// <summary>That the store holds all of the first batches and nothing else. Gives their number.</summary>
    public static int AssertWhole(IDurableStore store)
    {
        var batches = Committed(store);
        var model = Model(batches);
        Assert.Equal(model.Entities.MaxRunKey(), store.Entities.MaxRunKey());
        Assert.Equal(Wakes(model), Wakes(store));
        for (long runKey = 1; runKey <= batches + 1; runKey++)
        {
            Assert.Equal(Entity(model, runKey), Entity(store, runKey));
            Assert.Equal(History(model, runKey), History(store, runKey));
            Assert.Equal(model.Entities.FindCurrent(EntityKind.Workflow, Namespace, Id(runKey)), store.Entities.FindCurrent(EntityKind.Workflow, Namespace, Id(runKey)));
            VisibilityRecord? expected = model.Visibility.Get(runKey), actual = store.Visibility.Get(runKey);
            Assert.Equal(expected is null, actual is null);
            if (expected is not null)
            {
                Samples.AssertSame(expected, actual!);
            }
        }
        var query = Samples.Query("Step >= 0", ("Step", AttributeType.Int));
        Assert.Equal(Keys(model, VisibilityQuery.All), Keys(store, VisibilityQuery.All));
        Assert.Equal(Keys(model, query), Keys(store, query));
        return batches;
    }

    private static void Start(WriteBatch batch, int run, Random random)
    {
        batch.Entities[run] = new EntityRecord(run, EntityKind.Workflow, Namespace, Id(run), $"run-{run}", State(random));
        batch.Current[(EntityKind.Workflow, Namespace, Id(run))] = run;
        batch.Wakes[run] = new WakeRecord(run, run * 1000L, [1, 2, 3]);
        batch.Visibility[run] = Visible(run);
        // Now and then a history that takes more than one bite to delete.
        var batches = run % 7 == 0 ? 600 : 1;
        for (var i = 1; i <= batches; i++)
        {
            batch.History.Add((run, Events(i, random)));
        }
    }

    private static void Step(WriteBatch batch, int run, int number, Random random)
    {
        batch.Entities[run] = new EntityRecord(run, EntityKind.Workflow, Namespace, Id(run), $"run-{run}", State(random));
        batch.Wakes[run] = new WakeRecord(run, number % 2 == 0 ? null : number, []);
        batch.History.Add((run, Events(1_000 + number, random)));
    }

    private static void Close(WriteBatch batch, int run, int number)
    {
        batch.Wakes[run] = null;
        batch.Visibility[run] = Visible(run) with
        {
            Status = 2,
            CloseTime = Samples.Time(number + 0.5),
            DeleteAt = Samples.Time(number + 7),
            Attributes = Samples.Attributes(("Step", new AttributeValue(AttributeType.Int, (long)number))),
        };
    }

    private static void Delete(WriteBatch batch, int run)
    {
        batch.Entities[run] = null;
        batch.Wakes[run] = null;
        batch.Current[(EntityKind.Workflow, Namespace, Id(run))] = null;
        batch.Visibility[run] = null;
        batch.HistoryDeletes.Add(run);
    }

    private static VisibilityRecord Visible(int run) => Samples.Record(run) with
    {
        NamespaceId = Namespace,
        Attributes = Samples.Attributes(("Step", new AttributeValue(AttributeType.Int, 0L)), ("Tags", Samples.List("a", $"run {run}"))),
    };

    private static string Id(long run) => $"workflow-{run}";

    private static byte[] State(Random random)
    {
        var state = new byte[random.Next(10, 6_000)];
        random.NextBytes(state);
        return state;
    }

    private static HistoryBatch Events(long first, Random random)
    {
        var events = new byte[random.Next(1, 400)];
        random.NextBytes(events);
        return new HistoryBatch(first, 1, UnsafeByteOperations.UnsafeWrap(events));
    }

    private static string? Entity(IDurableStore store, long runKey) =>
        store.Entities.Load(runKey) is { } entity ? $"{entity.Id} {entity.RunId} {entity.NamespaceId} {Convert.ToHexString(entity.State)}" : null;

    private static string[] Wakes(IDurableStore store) =>
        [.. store.Entities.LoadWakes().OrderBy(wake => wake.RunKey).Select(wake => $"{wake.RunKey} {wake.WakeAt} {Convert.ToHexString(wake.Dispatch)}")];

    private static string[] History(IDurableStore store, long runKey) =>
        [.. store.Histories.Read(runKey, 0, long.MaxValue, int.MaxValue, int.MaxValue).Select(batch => $"{batch.FirstEventId} {batch.EventCount} {batch.Events.ToBase64()}")];

    private static long[] Keys(IDurableStore store, VisibilityQuery query) =>
        [.. store.Visibility.List(EntityKind.Workflow, Namespace, query, 1_000, default).Records.Select(record => record.RunKey)];
}
