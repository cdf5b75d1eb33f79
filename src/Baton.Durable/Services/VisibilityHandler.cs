using Baton.Durable.Engine;
using Baton.Durable.Execution;
using Baton.Durable.Hosting;
using Baton.Durable.Storage;
using Baton.Durable.Visibility;
using Google.Protobuf;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.Filter.V1;
using Temporalio.Api.Workflow.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Baton.Durable.Services;

/// <summary>Lists and counts of workflows. What they show is written in the commit of the change itself, so they are never behind.</summary>
internal sealed class VisibilityHandler(DurableEngine engine) : HandlerBase(engine)
{
    private const int MaxPage = 1000;

    public Task<ListWorkflowExecutionsResponse> ListWorkflowExecutions(ListWorkflowExecutionsRequest request, CallContext call)
    {
        var (records, next) = List(request.Namespace, request.Query, request.PageSize, request.NextPageToken);
        var response = new ListWorkflowExecutionsResponse { NextPageToken = next };
        response.Executions.AddRange(records);
        return Task.FromResult(response);
    }

    public Task<ScanWorkflowExecutionsResponse> ScanWorkflowExecutions(ScanWorkflowExecutionsRequest request, CallContext call)
    {
        var (records, next) = List(request.Namespace, request.Query, request.PageSize, request.NextPageToken);
        var response = new ScanWorkflowExecutionsResponse { NextPageToken = next };
        response.Executions.AddRange(records);
        return Task.FromResult(response);
    }

    public Task<ListOpenWorkflowExecutionsResponse> ListOpenWorkflowExecutions(ListOpenWorkflowExecutionsRequest request, CallContext call)
    {
        var query = Filter("ExecutionStatus = 'Running'", "StartTime", request.StartTimeFilter, request.ExecutionFilter, request.TypeFilter);
        var (records, next) = List(request.Namespace, query, request.MaximumPageSize, request.NextPageToken);
        var response = new ListOpenWorkflowExecutionsResponse { NextPageToken = next };
        response.Executions.AddRange(records);
        return Task.FromResult(response);
    }

    public Task<ListClosedWorkflowExecutionsResponse> ListClosedWorkflowExecutions(ListClosedWorkflowExecutionsRequest request, CallContext call)
    {
        if (request.StatusFilter is { Status: WorkflowExecutionStatus.Unspecified or WorkflowExecutionStatus.Running })
        {
            throw ServiceErrors.InvalidArgument("StatusFilter must be specified and must be not Running.");
        }

        var status = request.StatusFilter is { } filter ? $"ExecutionStatus = '{filter.Status}'" : "ExecutionStatus != 'Running'";
        var query = Filter(status, "CloseTime", request.StartTimeFilter, request.ExecutionFilter, request.TypeFilter);
        var (records, next) = List(request.Namespace, query, request.MaximumPageSize, request.NextPageToken);
        var response = new ListClosedWorkflowExecutionsResponse { NextPageToken = next };
        response.Executions.AddRange(records);
        return Task.FromResult(response);
    }

    /// <summary>Nothing is archived: what retention takes away is gone.</summary>
    public Task<ListArchivedWorkflowExecutionsResponse> ListArchivedWorkflowExecutions(ListArchivedWorkflowExecutionsRequest request, CallContext call)
    {
        Namespace(request.Namespace);
        throw ServiceErrors.InvalidArgument("Cluster is not configured for visibility archival.");
    }

    public Task<CountWorkflowExecutionsResponse> CountWorkflowExecutions(CountWorkflowExecutionsRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        var query = Parse(request.Query, space);
        var response = new CountWorkflowExecutionsResponse();
        response.Count = Visible.Count(
            Engine, EntityKind.Workflow, space, query, (count, values) => response.Groups.Add(new CountWorkflowExecutionsResponse.Types.AggregationGroup { Count = count, GroupValues = { values } }));
        return Task.FromResult(response);
    }

    public Task<GetSearchAttributesResponse> GetSearchAttributes(GetSearchAttributesRequest request, CallContext call)
    {
        var response = new GetSearchAttributesResponse();
        response.Keys.Add(OperatorHandler.SystemAttributes.ToDictionary());
        foreach (var (name, type) in SearchAttributeCodec.Predefined)
        {
            response.Keys[name] = (IndexedValueType)type;
        }

        foreach (var (name, type) in Engine.Core.Namespaces.All.SelectMany(static entry => entry.State.SearchAttributes))
        {
            response.Keys[name] = (IndexedValueType)type;
        }

        return Task.FromResult(response);
    }

    public static WorkflowExecutionInfo Info(VisibilityRecord record) => new()
    {
        Execution = new WorkflowExecution { WorkflowId = record.Id, RunId = record.RunId },
        Type = new WorkflowType { Name = record.Type },
        StartTime = Instant.ToTimestamp(Instant.From(record.StartTime)),
        ExecutionTime = Instant.ToTimestamp(Instant.From(record.ExecutionTime)),
        CloseTime = record.CloseTime is { } closed ? Instant.ToTimestamp(Instant.From(closed)) : null,
        ExecutionDuration = record.CloseTime is { } end ? Instant.ToDurationOrZero((end - record.ExecutionTime).Ticks) : null,
        Status = (WorkflowExecutionStatus)record.Status,
        HistoryLength = record.CloseTime is null ? 0 : record.HistoryLength,
        HistorySizeBytes = record.CloseTime is null ? 0 : record.HistorySizeBytes,
        StateTransitionCount = record.CloseTime is null ? 0 : record.StateTransitionCount,
        TaskQueue = record.TaskQueue,
        Memo = Memo.Parser.ParseFrom(record.Memo),
        SearchAttributes = new SearchAttributes
        {
            IndexedFields = { record.Attributes.ToDictionary(static pair => pair.Key, static pair => SearchAttributeCodec.Encode(pair.Value)) },
        },
        ParentExecution = record.ParentId.Length > 0 ? new WorkflowExecution { WorkflowId = record.ParentId, RunId = record.ParentRunId } : null,
        RootExecution = new WorkflowExecution { WorkflowId = record.RootId, RunId = record.RootRunId },
    };

    private (IEnumerable<WorkflowExecutionInfo> Records, ByteString Next) List(string ns, string query, int pageSize, ByteString token)
    {
        var space = Namespace(ns);
        if (pageSize < 0)
        {
            throw ServiceErrors.InvalidArgument("PageSize is negative.");
        }

        var page = Visible.List(Engine, EntityKind.Workflow, space, query, pageSize is 0 or > MaxPage ? MaxPage : pageSize, token);
        return (page.Records.Select(Info), ByteString.CopyFrom(page.Next.Span));
    }

    private static VisibilityQuery Parse(string query, NamespaceEntry space) => Visible.Parse(query, space, EntityKind.Workflow);

    private static string Filter(string status, string timeAttribute, StartTimeFilter? time, WorkflowExecutionFilter? execution, WorkflowTypeFilter? type)
    {
        if (time is { EarliestTime: { } from, LatestTime: { } until } && from > until)
        {
            throw ServiceErrors.InvalidArgument("EarliestTime in StartTimeFilter should not be larger than LatestTime.");
        }

        var parts = new List<string> { status };
        if (time?.EarliestTime is { } earliest)
        {
            parts.Add($"{timeAttribute} >= '{earliest.ToDateTimeOffset():O}'");
        }

        if (time?.LatestTime is { } latest)
        {
            parts.Add($"{timeAttribute} <= '{latest.ToDateTimeOffset():O}'");
        }

        if (execution is { WorkflowId.Length: > 0 })
        {
            parts.Add("WorkflowId = " + VisibilityQuery.Quote(execution.WorkflowId));
        }

        if (execution is { RunId.Length: > 0 })
        {
            parts.Add("RunId = " + VisibilityQuery.Quote(execution.RunId));
        }

        if (type is { Name.Length: > 0 })
        {
            parts.Add("WorkflowType = " + VisibilityQuery.Quote(type.Name));
        }

        return string.Join(" AND ", parts);
    }
}

/// <summary>Lists of any kind of entity, with refusals as the API words them.</summary>
internal static class Visible
{
    public static VisibilityPage List(DurableEngine engine, EntityKind kind, NamespaceEntry space, string query, int pageSize, ByteString token)
    {
        var parsed = Parse(query, space, kind);
        if (parsed.GroupBy.Count > 0)
        {
            throw ServiceErrors.InvalidArgument("invalid query: 'GROUP BY' clause is only supported in Count.");
        }

        try
        {
            return engine.Store.Visibility.List(kind, space.Id, parsed, pageSize, token.Memory);
        }
        catch (VisibilityQueryException)
        {
            throw ServiceErrors.InvalidArgument("Invalid NextPageToken.");
        }
    }

    /// <param name="addGroup">Given the size and the values of each group of a query that groups.</param>
    public static long Count(DurableEngine engine, EntityKind kind, NamespaceEntry space, VisibilityQuery query, Action<long, IEnumerable<Payload>> addGroup)
    {
        if (query.GroupBy.Count == 0)
        {
            return engine.Store.Visibility.Count(kind, space.Id, query);
        }

        long total = 0;
        foreach (var (values, count) in engine.Store.Visibility.CountGroups(kind, space.Id, query))
        {
            total += count;
            addGroup(count, values.Select(static value => value is { } known ? SearchAttributeCodec.Encode(known) : new Payload()));
        }

        return total;
    }

    public static VisibilityQuery Parse(string query, NamespaceEntry space, EntityKind kind)
    {
        try
        {
            return VisibilityQuery.Parse(query, space.CustomAttributes, kind);
        }
        catch (VisibilityQueryException problem)
        {
            throw ServiceErrors.InvalidArgument(problem.Message);
        }
    }
}
