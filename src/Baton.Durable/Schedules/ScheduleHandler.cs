using System.Buffers.Binary;
using Baton.Durable.Engine;
using Baton.Durable.Execution;
using Baton.Durable.Hosting;
using Baton.Durable.Services;
using Baton.Durable.State;
using Baton.Durable.Storage;
using Baton.Durable.Visibility;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.Schedule.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Baton.Durable.Schedules;

/// <summary>The calls on schedules.</summary>
internal sealed class ScheduleHandler(DurableEngine engine) : HandlerBase(engine)
{
    private const int MaxPage = 1_000;
    private const int MaxMatchingTimes = 1_000;

    public Task<CreateScheduleResponse> CreateSchedule(CreateScheduleRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        RequireId(request.ScheduleId, "ScheduleId");
        RequireLength(request.RequestId, "RequestId");
        RequireBlob(request.Memo, "Memo");
        SearchAttributeCodec.Require(request.SearchAttributes, space, ServiceErrors.InvalidArgument);
        RequireSchedule(space, request.ScheduleId, request.Schedule);
        RequirePatch(request.InitialPatch);
        return Engine.Run(step =>
        {
            if (step.TryFindCurrent<ScheduleEntity>(EntityKind.Schedule, space.Id, request.ScheduleId, out var existing))
            {
                return request.RequestId.Length > 0 && existing.Model.CreateRequestId == request.RequestId
                    ? new CreateScheduleResponse { ConflictToken = Token(1) }
                    : throw ServiceErrors.WorkflowExecutionAlreadyStarted($"schedule \"{request.ScheduleId}\" is already registered", existing.Model.CreateRequestId, existing.RunId);
            }
            var now = Instant.ToDateTimeOffset(step.Now);
            var machine = Guard(() => ScheduleMachine.Create(
                request.Schedule ?? new(), request.RequestId, request.Memo, request.SearchAttributes, ScheduleEntity.Seed(space.Id, request.ScheduleId), now));
            var schedule = new ScheduleEntity(step.Core, step.Core.NewRunKey(), space.Id, request.ScheduleId, Step.NewRunId(), machine);
            step.Add(schedule);
            var response = new CreateScheduleResponse { ConflictToken = Token(machine.Model.ConflictToken) };
            if (request.InitialPatch is { } patch)
            {
                machine.Patch(patch, "", now);
            }
            ScheduleTurn.Take(step, schedule);
            return response;
        });
    }

    public Task<DescribeScheduleResponse> DescribeSchedule(DescribeScheduleRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        RequireId(request.ScheduleId, "ScheduleId");
        return Engine.Run(step =>
        {
            var entity = Find(step, space, request.ScheduleId);
            var schedule = entity.Model.Schedule.Clone();
            schedule.Spec = ScheduleSpecs.WithDefaults(schedule.Spec);
            return new DescribeScheduleResponse
            {
                Schedule = schedule,
                Info = entity.Describe(Instant.ToDateTimeOffset(step.Now)),
                Memo = entity.Model.Memo ?? new(),
                SearchAttributes = SearchAttributeCodec.WithTypes(entity.Model.SearchAttributes ?? new(), space.CustomAttributes),
                ConflictToken = Token(entity.Model.ConflictToken),
            };
        });
    }

    public Task<UpdateScheduleResponse> UpdateSchedule(UpdateScheduleRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        RequireId(request.ScheduleId, "ScheduleId");
        RequireLength(request.RequestId, "RequestId");
        RequireBlob(request.Memo, "Memo");
        SearchAttributeCodec.Require(request.SearchAttributes, space, ServiceErrors.InvalidArgument);
        RequireSchedule(space, request.ScheduleId, request.Schedule);
        var token = ReadToken(request.ConflictToken);
        return Engine.Run(step =>
        {
            var entity = Find(step, space, request.ScheduleId);
            if (entity.Machine.IsRepeated(request.RequestId))
            {
                return new UpdateScheduleResponse();
            }
            if (token is not null && token != entity.Model.ConflictToken)
            {
                throw ServiceErrors.FailedPrecondition("mismatched conflict token");
            }
            Guard(() => entity.Machine.Update(request.Schedule ?? new(), request.RequestId, Instant.ToDateTimeOffset(step.Now)));
            entity.Model.SearchAttributes = request.SearchAttributes ?? entity.Model.SearchAttributes;
            entity.Model.Memo = request.Memo ?? entity.Model.Memo;
            ScheduleTurn.Take(step, entity);
            return new UpdateScheduleResponse();
        });
    }

    public Task<PatchScheduleResponse> PatchSchedule(PatchScheduleRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        RequireId(request.ScheduleId, "ScheduleId");
        RequireLength(request.RequestId, "RequestId");
        if (request.Patch is null)
        {
            throw ServiceErrors.InvalidArgument("Patch is not set on request.");
        }
        RequirePatch(request.Patch);
        return Engine.Run(step =>
        {
            var entity = Find(step, space, request.ScheduleId);
            if (!entity.Machine.IsRepeated(request.RequestId))
            {
                entity.Machine.Patch(request.Patch, request.RequestId, Instant.ToDateTimeOffset(step.Now));
                ScheduleTurn.Take(step, entity);
            }
            return new PatchScheduleResponse();
        });
    }

    public Task<ListScheduleMatchingTimesResponse> ListScheduleMatchingTimes(ListScheduleMatchingTimesRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        RequireId(request.ScheduleId, "ScheduleId");
        var start = RequireTime(request.StartTime, "StartTime");
        var end = RequireTime(request.EndTime, "EndTime");
        return Engine.Run(step =>
        {
            var entity = Find(step, space, request.ScheduleId);
            return new ListScheduleMatchingTimesResponse { StartTime = { Guard(() => entity.Machine.MatchingTimes(start, end, MaxMatchingTimes).ToList()) } };
        });
    }

    public Task<DeleteScheduleResponse> DeleteSchedule(DeleteScheduleRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        RequireId(request.ScheduleId, "ScheduleId");
        return Engine.Run(step =>
        {
            step.Delete(Find(step, space, request.ScheduleId));
            return new DeleteScheduleResponse();
        });
    }

    public Task<ListSchedulesResponse> ListSchedules(ListSchedulesRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        if (request.MaximumPageSize < 0)
        {
            throw ServiceErrors.InvalidArgument("MaximumPageSize is negative.");
        }
        var size = request.MaximumPageSize is > 0 and <= MaxPage ? request.MaximumPageSize : MaxPage;
        var page = Query(request.Query, space, query => Engine.Store.Visibility.List(EntityKind.Schedule, space.Id, query, size, request.NextPageToken.Memory));
        var response = new ListSchedulesResponse { NextPageToken = ByteString.CopyFrom(page.Next.Span) };
        response.Schedules.AddRange(page.Records.Select(Entry));
        return Task.FromResult(response);
    }

    public Task<CountSchedulesResponse> CountSchedules(CountSchedulesRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        return Task.FromResult(Query(request.Query, space, query =>
        {
            var response = new CountSchedulesResponse();
            response.Count = Visible.Count(
                Engine, EntityKind.Schedule, space, query, (count, values) => response.Groups.Add(new CountSchedulesResponse.Types.AggregationGroup { Count = count, GroupValues = { values } }));
            return response;
        }));
    }

    private static ScheduleListEntry Entry(VisibilityRecord record)
    {
        var attributes = new SearchAttributes();
        foreach (var (name, value) in record.Attributes)
        {
            // What the server adds for queries is no attribute that the client gave.
            if (name != "TemporalSchedulePaused")
            {
                attributes.IndexedFields[name] = SearchAttributeCodec.Encode(value);
            }
        }
        return new()
        {
            ScheduleId = record.Id,
            Memo = Memo.Parser.ParseFrom(record.Memo),
            SearchAttributes = attributes,
            Info = ScheduleListInfo.Parser.ParseFrom(record.Extra),
        };
    }

    private static ScheduleEntity Find(Step step, NamespaceEntry space, string id) =>
        step.TryFindCurrent<ScheduleEntity>(EntityKind.Schedule, space.Id, id, out var schedule)
            ? schedule
            : throw ServiceErrors.NotFound($"schedule not found: {id}");

    private static T Query<T>(string text, NamespaceEntry space, Func<VisibilityQuery, T> run)
    {
        try
        {
            return run(VisibilityQuery.Parse(text, space.CustomAttributes, EntityKind.Schedule));
        }
        catch (VisibilityQueryException e)
        {
            throw ServiceErrors.InvalidArgument($"invalid query: {e.Message}");
        }
    }

    /// <summary>The spec must tell times, and the action must be a workflow that could be started.</summary>
    private void RequireSchedule(NamespaceEntry space, string scheduleId, Schedule? schedule)
    {
        if (schedule is null)
        {
            return;
        }
        _ = Guard(() => CompiledScheduleSpec.Compile(schedule.Spec ?? new()));
        if (schedule.Policies?.CatchupWindow is { } window)
        {
            RequireNotNegative(window, "CatchupWindow");
        }
        if (schedule.Action?.StartWorkflow is not { } action)
        {
            return;
        }
        if (action.CronSchedule.Length > 0)
        {
            throw ServiceErrors.InvalidArgument("Scheduled workflow must not contain CronSchedule");
        }
        if (action.WorkflowIdReusePolicy is not (WorkflowIdReusePolicy.Unspecified or WorkflowIdReusePolicy.AllowDuplicate))
        {
            throw ServiceErrors.InvalidArgument("Scheduled workflow must not contain WorkflowIDReusePolicy");
        }
        RequireId(action.WorkflowId, "WorkflowId");
        var sample = new ScheduleStart(new PendingStart { NominalTime = new Timestamp() }, $"{action.WorkflowId}-1970-01-01T00:00:00Z", true, null, null);
        StartRequests.Check(ScheduleTurn.Request(space, scheduleId, new ScheduleModel(schedule.Clone()), sample), space, Limits);
    }

    private static void RequirePatch(SchedulePatch? patch)
    {
        if (patch?.TriggerImmediately?.ScheduledTime is { } scheduled)
        {
            RequireTime(scheduled, "ScheduledTime");
        }
        foreach (var backfill in patch?.BackfillRequest ?? [])
        {
            var start = RequireTime(backfill.StartTime, "BackfillRequest.StartTime");
            if (RequireTime(backfill.EndTime, "BackfillRequest.EndTime") < start)
            {
                throw ServiceErrors.InvalidArgument("BackfillRequest.EndTime is before StartTime.");
            }
        }
    }

    private static DateTimeOffset RequireTime(Timestamp? time, string field) =>
        time is { Seconds: >= 0 and <= CompiledScheduleSpec.MaxTime, Nanos: >= 0 and < 1_000_000_000 }
            ? time.ToDateTimeOffset()
            : throw ServiceErrors.InvalidArgument($"{field} is not set, or not between the years 1970 and 9999.");

    private static T Guard<T>(Func<T> act)
    {
        try
        {
            return act();
        }
        catch (ScheduleSpecException e)
        {
            throw ServiceErrors.InvalidArgument($"Invalid schedule spec: {e.Message}");
        }
    }

    private static void Guard(Action act) => Guard(() =>
    {
        act();
        return true;
    });

    private static ByteString Token(long value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64BigEndian(bytes, value);
        return ByteString.CopyFrom(bytes);
    }

    private static long? ReadToken(ByteString token) => token.Length switch
    {
        0 => null,
        sizeof(long) => BinaryPrimitives.ReadInt64BigEndian(token.Span),
        _ => throw ServiceErrors.InvalidArgument("ConflictToken is none that this server gave."),
    };
}
