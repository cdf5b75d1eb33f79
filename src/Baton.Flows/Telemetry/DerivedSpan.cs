using System.Buffers.Binary;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;

namespace Baton.Flows.Telemetry;

/// <summary>
/// A span of workflow code. Workflow code is run again whenever a worker has lost it, so its spans cannot live in memory
/// from start to end: each is recorded at one instant, outside of replay, under an id that is derived from the run and
/// from what the span is about. Whoever runs the code gives the same ids, so that what was parented to a span before a
/// restart still hangs on it after, and a span recorded twice is one.
/// </summary>
internal sealed record DerivedSpan(string Name, ActivityContext Context, ActivitySpanId? Parent, DateTimeOffset Start)
{
    /// <summary>A trace for what was started without one.</summary>
    public static ActivityTraceId TraceIdOf(string seed) => ActivityTraceId.CreateFromBytes(Hash(seed)[..16]);

    public static ActivitySpanId SpanIdOf(string seed) => ActivitySpanId.CreateFromBytes(Hash(seed)[..8]);

    /// <summary>Keeps the share <paramref name="ratio"/> of trace ids, as OpenTelemetry's ratio sampler does.</summary>
    public static ActivityTraceFlags Sample(ActivityTraceId trace, double ratio)
    {
        Span<byte> bytes = stackalloc byte[16];
        trace.CopyTo(bytes);
        return (BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]) >> 1) < ratio * long.MaxValue ? ActivityTraceFlags.Recorded : ActivityTraceFlags.None;
    }

    /// <summary>Records the span as open: those who keep spans show it until it is recorded again with its end.</summary>
    public void Begin(IEnumerable<KeyValuePair<string, object?>> tags) => Record(Start, tags.Append(new(FlowTelemetry.Open, true)), null, null);

    /// <param name="failure">What went wrong; null if nothing did.</param>
    public void End(DateTimeOffset end, IEnumerable<KeyValuePair<string, object?>> tags, string? failure, ActivityContext? link = null) =>
        Record(end < Start ? Start : end, tags, failure, link);

    private void Record(DateTimeOffset end, IEnumerable<KeyValuePair<string, object?>> tags, string? failure, ActivityContext? link)
    {
        if ((Context.TraceFlags & ActivityTraceFlags.Recorded) == 0 || !FlowTelemetry.Source.HasListeners())
        {
            return;
        }
        var parent = new ActivityContext(Context.TraceId, Parent ?? Context.SpanId, Context.TraceFlags, Context.TraceState, isRemote: true);
        var activity = FlowTelemetry.Source.CreateActivity(
            Name, ActivityKind.Internal, parent, tags, link is { } other ? [new ActivityLink(other)] : null, ActivityIdFormat.W3C);
        if (activity is null)
        {
            return;
        }
        var current = Activity.Current;
        activity.SetStartTime(Start.UtcDateTime);
        activity.Start();
        SpanId(activity) = Context.SpanId.ToHexString();
        if (Parent is null)
        {
            ParentSpanId(activity) = null;
            ParentId(activity) = null;
        }
        if (failure is not null)
        {
            activity.SetStatus(ActivityStatusCode.Error, failure);
        }
        activity.SetEndTime(end.UtcDateTime);
        activity.Stop();
        Activity.Current = current;
    }

    private static byte[] Hash(string seed) => SHA256.HashData(Encoding.UTF8.GetBytes(seed));

    // System.Diagnostics draws the id of a span at its start and has no way to choose it. Nobody has read it yet when it is replaced.
    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_spanId")]
    private static extern ref string? SpanId(Activity activity);

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_parentSpanId")]
    private static extern ref string? ParentSpanId(Activity activity);

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_parentId")]
    private static extern ref string? ParentId(Activity activity);
}
