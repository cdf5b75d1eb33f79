using Baton.Durable.Engine;
using Baton.Durable.Execution;
using Baton.Durable.Storage;
using Baton.Durable.Visibility;
using Google.Protobuf;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.Schedule.V1;

namespace Baton.Durable.Schedules;

/// <summary>A schedule in the engine. It is open as long as it exists; when it has nothing left to do for long, it deletes itself.</summary>
internal sealed class ScheduleEntity : Entity
{
    private const int ListedTimes = 5;
    private const int ListedSpecs = 10;

    private readonly EngineCore core;

    public ScheduleEntity(EngineCore core, long runKey, string namespaceId, string id, string runId, ScheduleMachine machine)
        : base(runKey, EntityKind.Schedule, namespaceId, id, runId)
    {
        this.core = core;
        Machine = machine;
    }

    public ScheduleMachine Machine { get; }

    public ScheduleModel Model => Machine.Model;

    public NamespaceEntry Namespace => core.Namespaces.TryGetById(NamespaceId, out var entry)
        ? entry
        : throw new InvalidOperationException($"Namespace {NamespaceId} of schedule {Id} is gone.");

    /// <summary>A turn is under way: what happens to its workflows meanwhile is looked at before it ends.</summary>
    public bool IsInTurn { get; set; }

    public bool NeedsAnotherLook { get; set; }

    public override bool IsOpen => true;

    public static ScheduleEntity Load(EngineCore core, EntityRecord record) =>
        new(core, record.RunKey, record.NamespaceId, record.Id, record.RunId,
            new ScheduleMachine(ScheduleModel.Parse(record.State), Seed(record.NamespaceId, record.Id)));

    /// <summary>Jitter differs between schedules of one spec, and stays the same for one schedule.</summary>
    public static string Seed(string namespaceId, string id) => $"{namespaceId}-{id}";

    public override byte[] Serialize() => Model.ToBytes();

    public override long NextWake(long now) => Machine.NextWake() is { } at ? Instant.From(at) : Instant.Never;

    public override void OnWake(Step step)
    {
        if (NextWake(step.Now) <= step.Now)
        {
            ScheduleTurn.Take(step, this);
        }
    }

    public override VisibilityRecord ToVisibility()
    {
        var now = Instant.ToDateTimeOffset(core.Clock.Now());
        var attributes = SearchAttributeCodec.Decode(Model.SearchAttributes ?? new(), Namespace.CustomAttributes);
        attributes["TemporalSchedulePaused"] = new(AttributeType.Bool, Model.Schedule.State.Paused);
        var created = Model.Info.CreateTime.ToDateTimeOffset();
        return new()
        {
            RunKey = RunKey,
            Kind = EntityKind.Schedule,
            NamespaceId = NamespaceId,
            Id = Id,
            RunId = RunId,
            Type = Model.Schedule.Action?.StartWorkflow?.WorkflowType?.Name ?? "",
            Status = (int)WorkflowExecutionStatus.Running,
            StartTime = created,
            ExecutionTime = created,
            Memo = Model.Memo?.ToByteString() ?? ByteString.Empty,
            Attributes = attributes,
            Extra = ListInfo(now).ToByteString(),
        };
    }

    public ScheduleInfo Describe(DateTimeOffset now)
    {
        var info = Model.Info.Clone();
        info.FutureActionTimes.Add(Machine.FutureTimes(10, now));
        info.BufferSize = Model.Buffer.Count;
        info.StateSizeBytes = Model.ToBytes().Length;
        return info;
    }

    // Lists show little of large specs, and no zone data.
    private ScheduleListInfo ListInfo(DateTimeOffset now)
    {
        var spec = ScheduleSpecs.WithDefaults(Model.Schedule.Spec);
        spec.TimezoneData = ByteString.Empty;
        Shorten(spec.StructuredCalendar);
        Shorten(spec.ExcludeStructuredCalendar);
        Shorten(spec.Interval);
        return new()
        {
            Spec = spec,
            WorkflowType = Model.Schedule.Action?.StartWorkflow?.WorkflowType,
            Notes = Model.Schedule.State.Notes,
            Paused = Model.Schedule.State.Paused,
            RecentActions = { Model.Info.RecentActions.TakeLast(ListedTimes) },
            FutureActionTimes = { Machine.FutureTimes(ListedTimes, now) },
        };

        static void Shorten<T>(IList<T> list)
        {
            while (list.Count > ListedSpecs)
            {
                list.RemoveAt(list.Count - 1);
            }
        }
    }
}
