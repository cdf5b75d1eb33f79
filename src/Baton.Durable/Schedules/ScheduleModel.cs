using Baton.Durable.State;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.Failure.V1;
using Temporalio.Api.Schedule.V1;

namespace Baton.Durable.Schedules;

/// <summary>What a schedule is and remembers: all of its state, and nothing that can be worked out from it.</summary>
internal sealed class ScheduleModel
{
    private static readonly TimeSpan DefaultCatchupWindow = TimeSpan.FromDays(365);
    private static readonly TimeSpan MinCatchupWindow = TimeSpan.FromSeconds(10);

    public ScheduleModel(Schedule schedule)
    {
        Schedule = schedule;
        FillDefaults();
    }

    public Schedule Schedule { get; private set; }

    public ScheduleInfo Info { get; private init; } = new();

    public Memo? Memo { get; set; }

    public SearchAttributes? SearchAttributes { get; set; }

    public long ConflictToken { get; set; } = 1;

    /// <summary>Times up to here were acted on or passed over.</summary>
    public DateTimeOffset ProcessedUntil { get; set; }

    public List<PendingStart> Buffer { get; private set; } = [];

    /// <summary>Ranges whose times are still to be taken. The start is exclusive.</summary>
    public List<BackfillRequest> Backfills { get; private init; } = [];

    public Payloads? LastResult { get; set; }

    public Failure? LastFailure { get; set; }

    public string CreateRequestId { get; init; } = "";

    /// <summary>Requests that changed the schedule, newest last, so that one that is sent again changes nothing.</summary>
    public List<string> RecentRequestIds { get; private init; } = [];

    public ScheduleOverlapPolicy OverlapPolicy => Schedule.Policies.OverlapPolicy;

    public TimeSpan CatchupWindow => Schedule.Policies.CatchupWindow.ToTimeSpan();

    public void Replace(Schedule schedule)
    {
        Schedule = schedule;
        FillDefaults();
    }

    public void SetBuffer(IEnumerable<PendingStart> starts) => Buffer = [.. starts];

    public static ScheduleModel Parse(ReadOnlySpan<byte> bytes)
    {
        var record = ScheduleRecord.Parser.ParseFrom(bytes);
        return new(Schedule.Parser.ParseFrom(record.Schedule))
        {
            Info = ScheduleInfo.Parser.ParseFrom(record.Info),
            Memo = record.Memo.IsEmpty ? null : Memo.Parser.ParseFrom(record.Memo),
            SearchAttributes = record.SearchAttributes.IsEmpty ? null : SearchAttributes.Parser.ParseFrom(record.SearchAttributes),
            ConflictToken = record.ConflictToken,
            ProcessedUntil = record.ProcessedUntil.ToDateTimeOffset(),
            Buffer = [.. record.Buffer],
            Backfills = [.. record.Backfills.Select(BackfillRequest.Parser.ParseFrom)],
            LastResult = record.LastResult.IsEmpty ? null : Payloads.Parser.ParseFrom(record.LastResult),
            LastFailure = record.LastFailure.IsEmpty ? null : Failure.Parser.ParseFrom(record.LastFailure),
            CreateRequestId = record.CreateRequestId,
            RecentRequestIds = [.. record.RecentRequestIds],
        };
    }

    public byte[] ToBytes() => new ScheduleRecord
    {
        Schedule = Schedule.ToByteString(),
        Info = Info.ToByteString(),
        Memo = Memo?.ToByteString() ?? ByteString.Empty,
        SearchAttributes = SearchAttributes?.ToByteString() ?? ByteString.Empty,
        ConflictToken = ConflictToken,
        ProcessedUntil = Timestamp.FromDateTimeOffset(ProcessedUntil),
        Buffer = { Buffer },
        Backfills = { Backfills.Select(b => b.ToByteString()) },
        LastResult = LastResult?.ToByteString() ?? ByteString.Empty,
        LastFailure = LastFailure?.ToByteString() ?? ByteString.Empty,
        CreateRequestId = CreateRequestId,
        RecentRequestIds = { RecentRequestIds },
    }.ToByteArray();

    // Defaults are written out so that clients are shown what holds.
    private void FillDefaults()
    {
        Schedule.Spec ??= new();
        Schedule.Action ??= new();
        Schedule.State ??= new();
        var policies = Schedule.Policies ??= new();
        if (policies.OverlapPolicy == ScheduleOverlapPolicy.Unspecified)
        {
            policies.OverlapPolicy = ScheduleOverlapPolicy.Skip;
        }
        var catchup = policies.CatchupWindow?.ToTimeSpan() ?? DefaultCatchupWindow;
        policies.CatchupWindow = Duration.FromTimeSpan(catchup < MinCatchupWindow ? MinCatchupWindow : catchup);
    }
}
