using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Threading.Channels;
using Baton.Flows.Telemetry;
using Baton.Server.Secrets;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using OpenTelemetry;

namespace Baton.Server.Telemetry.Spans;

/// <summary>
/// Brings the spans of this process, and those that others send, to the store: many at once, beside the work that they
/// tell of. A span that has gone on for a second is written as open, so that a trace can be watched, and so that an
/// attempt that a kill cut off stays visible. When the store is slower than the spans come, spans are dropped and counted;
/// nothing ever waits for them.
/// </summary>
internal sealed partial class SpanWriter : BaseProcessor<Activity>, IHostedService
{
    private const int MaxWaiting = 50_000;
    private const int MaxBatch = 5_000;

    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan OpenAfter = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan TrimInterval = TimeSpan.FromMinutes(1);

    private static readonly Counter<long> Stored = ServerTelemetry.Meter.CreateCounter<long>("baton.spans.stored", "{span}", "Spans that were written to the server's own store.");
    private static readonly Counter<long> Dropped = ServerTelemetry.Meter.CreateCounter<long>("baton.spans.dropped", "{span}", "Spans that came faster than they could be written.");

    private readonly SpanStore store;
    private readonly Redactor redactor;
    private readonly TimeProvider time;
    private readonly ILogger<SpanWriter> log;
    private readonly CancellationTokenSource stop = new();
    private readonly ConcurrentDictionary<Activity, bool> open = new(ReferenceEqualityComparer.Instance);
    private readonly SemaphoreSlim writing = new(1);
    private readonly Channel<object> ended;
    private Task running = Task.CompletedTask;
    private long dropped;

    public SpanWriter(SpanStore store, Redactor redactor, TimeProvider time, ILogger<SpanWriter> log)
    {
        this.redactor = redactor;
        this.store = store;
        this.time = time;
        this.log = log;
        ended = Channel.CreateBounded<object>(new BoundedChannelOptions(MaxWaiting) { FullMode = BoundedChannelFullMode.DropWrite }, _ => Interlocked.Increment(ref dropped));
    }

    public static string Service => "baton";

    public override void OnStart(Activity data) => open.TryAdd(data, false);

    public override void OnEnd(Activity data)
    {
        open.TryRemove(data, out _);
        if (data.Recorded)
        {
            ended.Writer.TryWrite(data);
        }
        if (data.GetTagItem(FlowTelemetry.Open) is true)
        {
            // Exporters, which come after, send spans that have ended only.
            data.ActivityTraceFlags &= ~ActivityTraceFlags.Recorded;
        }
    }

    /// <summary>Takes a span that another service has recorded.</summary>
    public void Add(StoredSpan span) => ended.Writer.TryWrite(span);

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await store.PrepareAsync(cancellationToken);
        running = RunAsync();
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await stop.CancelAsync();
        await running;
        await TryAsync(() => WriteAsync(cancellationToken));
    }

    /// <summary>Writes what has ended so far; whoever reads right after it finds it.</summary>
    public async Task WriteAsync(CancellationToken cancel)
    {
        await writing.WaitAsync(cancel);
        try
        {
            // What the store does must not become spans of its own.
            using var silence = SuppressInstrumentationScope.Begin();
            while (Collect() is { Count: > 0 } batch)
            {
                await store.WriteAsync(batch, cancel);
                Stored.Add(batch.Count);
            }
        }
        finally
        {
            writing.Release();
        }
    }

    protected override void Dispose(bool disposing)
    {
        stop.Dispose();
        writing.Dispose();
        base.Dispose(disposing);
    }

    private async Task RunAsync()
    {
        var trimmed = time.GetTimestamp();
        using var timer = new PeriodicTimer(Interval, time);
        while (await WaitAsync(timer))
        {
            await TryAsync(() => WriteAsync(stop.Token));
            if (time.GetElapsedTime(trimmed) > TrimInterval)
            {
                trimmed = time.GetTimestamp();
                await TryAsync(() => store.TrimAsync(stop.Token));
            }
            if (Interlocked.Exchange(ref dropped, 0) is > 0 and var count)
            {
                Dropped.Add(count);
                LogDropped(log, count);
            }
        }
    }

    /// <summary>A database that cannot be reached costs the spans of that time, and nothing else.</summary>
    private async Task TryAsync(Func<Task> act)
    {
        try
        {
            await act();
        }
        catch (Exception error) when (error is System.Data.Common.DbException or InvalidOperationException or IOException)
        {
            LogNotWritten(log, error);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
        }
    }

    private async Task<bool> WaitAsync(PeriodicTimer timer)
    {
        try
        {
            return await timer.WaitForNextTickAsync(stop.Token);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private Dictionary<(string, string), StoredSpan>.ValueCollection Collect()
    {
        var batch = new Dictionary<(string, string), StoredSpan>();
        while (batch.Count < MaxBatch && ended.Reader.TryRead(out var item))
        {
            Put(item is StoredSpan foreign ? Clean(foreign) : Read((Activity)item, isOpen: false));
        }
        var before = time.GetUtcNow().UtcDateTime - OpenAfter;
        foreach (var (activity, written) in open)
        {
            // What instrumentation has filtered out after its start never comes to its end here.
            if (activity.IsStopped || !activity.IsAllDataRequested)
            {
                open.TryRemove(activity, out _);
            }
            else if (!written && activity.StartTimeUtc < before && activity.Recorded && open.TryUpdate(activity, true, false))
            {
                Put(Clean(Read(activity, isOpen: true)));
            }
        }
        return batch.Values;

        void Put(StoredSpan span)
        {
            var key = (span.TraceId, span.SpanId);
            if (span.EndedNs is not null || !batch.TryGetValue(key, out var known) || known.EndedNs is null)
            {
                batch[key] = span;
            }
        }
    }

    /// <summary>Spans of this process were cleaned at their end; those that go on, and those of other services, were not.</summary>
    private StoredSpan Clean(StoredSpan span) => redactor.IsEmpty ? span : span with
    {
        Name = redactor.Redact(span.Name),
        StatusText = redactor.Redact(span.StatusText),
        Run = redactor.Redact(span.Run),
        Attributes = redactor.Clean(span.Attributes),
        Events = redactor.Clean(span.Events),
    };

    private static StoredSpan Read(Activity activity, bool isOpen)
    {
        isOpen |= activity.GetTagItem(FlowTelemetry.Open) is true;
        var started = StoredSpan.Nanoseconds(activity.StartTimeUtc);
        return new()
        {
            TraceId = activity.TraceId.ToHexString(),
            SpanId = activity.SpanId.ToHexString(),
            ParentId = activity.ParentSpanId == default ? null : activity.ParentSpanId.ToHexString(),
            IsEntry = activity.ParentSpanId == default || (activity.HasRemoteParent && activity.Source.Name != FlowTelemetry.Name),
            Name = activity.DisplayName,
            Kind = activity.Kind,
            Service = Service,
            Scope = activity.Source.Name,
            StartedNs = started,
            EndedNs = isOpen ? null : started + (activity.Duration.Ticks * 100),
            Status = activity.Status,
            StatusText = activity.StatusDescription,
            Attributes = SpanJson.Attributes(activity.TagObjects.Where(tag => tag.Key != FlowTelemetry.Open)),
            Events = SpanJson.Events(activity.Events.Select(item => (item.Name, StoredSpan.Nanoseconds(item.Timestamp.UtcDateTime), item.Tags))),
            Links = SpanJson.Links(activity.Links.Select(link => (link.Context.TraceId.ToHexString(), link.Context.SpanId.ToHexString()))),
            Run = activity.GetTagItem(StoredSpan.RunAttribute) as string,
        };
    }

    [LoggerMessage(EventIds.SpansDropped, LogLevel.Warning, "{Count} spans were dropped: they come faster than they can be kept; lower Otlp:Sampling")]
    private static partial void LogDropped(ILogger log, long count);

    [LoggerMessage(EventIds.SpansNotWritten, LogLevel.Warning, "Spans could not be kept")]
    private static partial void LogNotWritten(ILogger log, Exception error);
}
