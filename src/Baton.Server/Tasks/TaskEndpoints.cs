using System.ComponentModel;
using System.Security.Claims;
using System.Text.Json;
using Baton.Flows.Expressions;
using Baton.Jq;
using Baton.Server.Audit;
using Baton.Server.Errors;
using Baton.Server.Http;
using Baton.Server.Identity;
using Baton.Server.Settings;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Baton.Server.Tasks;

/// <summary>/tasks, and the pages behind links.</summary>
internal static class TaskEndpoints
{
    private const int MaxPage = 200;
    private const int MaxComment = 10_000;
    private const string Target = "task/{id}";

    public static void MapTasks(this IEndpointRouteBuilder api)
    {
        var tasks = api.MapGroup("/tasks").WithTags("Tasks");
        tasks.MapGet("", ListAsync).Describe("listTasks", "List tasks and approvals, the newest first.").RequirePermission(Permissions.TasksRead, onFlow: true);
        tasks.MapGet("/{id:guid}", ShowAsync).Describe("getTask", "Show a task with its history.").RequirePermission(Permissions.TasksRead, onFlow: true);
        tasks.MapPost("", CreateAsync)
            .Describe("createTask", "Ask people for an approval, or for a task to be done.", "The body has `kind` (approval or task), and what the flow function of that name takes; candidates are approvers unless it names others.")
            .Example("""{"kind":"approval","title":"Deploy v3?","candidates":{"roles":["approver"]},"quorum":1,"fourEyes":true}""").Produces<TaskView>(StatusCodes.Status201Created)
            .RequirePermission(Permissions.TasksCreate).Audited("task.create", "task");
        Change("approve", "Approve what is asked for.", (step, actor, body) => step.Decide(actor, TaskVote.Approve, Comment(body.Comment), body.Value));
        Change("reject", "Reject what is asked for.", (step, actor, body) => step.Decide(actor, TaskVote.Reject, Comment(body.Comment), body.Value));
        Change("complete", "Say that a task is done, with what its form asks for.", (step, actor, body) => step.Decide(actor, TaskVote.Complete, Comment(body.Comment), body.Value));
        Change("claim", "Take a task, so that nobody else works on it.", (step, actor, _) => step.Claim(actor));
        Change("release", "Give a claimed task back.", (step, actor, _) => step.Release(actor));
        tasks.MapPost("/{id:guid}/delegate", (Guid id, TaskDelegationBody body, Caller caller, TaskStore store, CancellationToken cancel) =>
            ChangeAsync(store, caller, Permissions.TasksDecide, id, step => step.Delegate(TaskActor.Of(caller), Required(body.To, "to"), Comment(body.Comment)), cancel))
            .RequirePermission(Permissions.TasksDecide, onFlow: true).Audited("task.delegate", Target)
            .Describe("delegateTask", "Have somebody else decide in one's place.").Example("""{"to":"bo","comment":"I am away"}""");
        tasks.MapPost("/{id:guid}/comment", (Guid id, TaskCommentBody body, Caller caller, TaskStore store, CancellationToken cancel) =>
            ChangeAsync(store, caller, Permissions.TasksDecide, id, step => step.Comment(TaskActor.Of(caller), Required(Comment(body.Comment), "comment")), cancel))
            .RequirePermission(Permissions.TasksDecide, onFlow: true).Audited("task.comment", Target)
            .Describe("commentTask", "Add a comment.").Example("""{"comment":"What does v3 change?"}""");
        tasks.MapPost("/{id:guid}/cancel", (Guid id, TaskCommentBody? body, Caller caller, TaskStore store, CancellationToken cancel) =>
            ChangeAsync(store, caller, Permissions.TasksAdmin, id, step => step.Cancel(TaskActor.Normal(caller.Name), Comment(body?.Comment)), cancel))
            .RequirePermission(Permissions.TasksAdmin, onFlow: true).Audited("task.cancel", Target)
            .Describe("cancelTask", "Cancel an open task, whoever has it.").Example("""{"comment":"not needed any more"}""");
        tasks.MapPost("/{id:guid}/link", LinkAsync).RequirePermission(Permissions.TasksAdmin, onFlow: true).Audited("task.link", Target)
            .Describe("linkTask", "Make a link that decides once, in the name of one person.").Example("""{"user":"bo","validFor":"P1D"}""");

        void Change(string verb, string summary, Action<TaskStep, TaskActor, TaskDecisionBody> change) => tasks.MapPost(
            $"/{{id:guid}}/{verb}",
            (Guid id, TaskDecisionBody? body, Caller caller, TaskStore store, CancellationToken cancel) =>
                ChangeAsync(store, caller, Permissions.TasksDecide, id, step => change(step, TaskActor.Of(caller), body ?? new(null, null)), cancel))
            .RequirePermission(Permissions.TasksDecide, onFlow: true).Audited($"task.{verb}", Target)
            .Describe($"{verb}Task", summary, "Answers with the task as it then is.").Example("""{"comment":"so be it"}""");
    }

    /// <summary>Open to whoever has a link: it is the right itself.</summary>
    public static void MapTaskLinks(this IEndpointRouteBuilder app)
    {
        app.MapGet(TaskLinks.Path + "{token}", async (string token, TaskLinks links, CancellationToken cancel) =>
        {
            var (task, link) = await links.LookAsync(token, cancel);
            return TaskLinkPage.Question(task, link.User);
        }).AllowAnonymous().ExcludeFromDescription();
        app.MapPost(TaskLinks.Path + "{token}", async (string token, HttpRequest request, TaskLinks links, AuditDraft draft, CancellationToken cancel) =>
        {
            var form = request.HasFormContentType ? await request.ReadFormAsync(cancel) : throw new BatonException(ErrorCodes.InvalidInput, "the decision is missing", null, "send the page's form");
            var vote = (string?)form["decision"] switch
            {
                "approve" => TaskVote.Approve,
                "reject" => TaskVote.Reject,
                _ => throw new BatonException(ErrorCodes.InvalidInput, "the decision is missing", null, "approve or reject"),
            };
            var (task, user) = await links.DecideAsync(token, vote, Comment(form["comment"]), cancel);
            draft.Target = $"task/{task.Id}";
            draft.Caller = Caller.Of(new(new ClaimsIdentity([new(ClaimTypes.Name, user)], "link")), request.HttpContext.Connection.RemoteIpAddress, request.Headers.UserAgent);
            draft.Detail = $"{vote.ToString().ToLowerInvariant()} by link";
            return TaskLinkPage.Done(task);
        }).AllowAnonymous().ExcludeFromDescription().Audited("task.decide", "task-link");
    }

    private static async Task<TaskPage> ListAsync(
        TaskStore store,
        Caller caller,
        CancellationToken cancel,
        int skip = 0,
        [Description("1 to 200.")] int limit = 50,
        [Description("open, completed, expired or cancelled.")] string? status = null,
        [Description("Name of who claimed it.")] string? assignee = null,
        [Description("Id of the run that asked.")] string? run = null,
        [Description("Only open ones that the caller may answer.")] bool mine = false)
    {
        if (skip < 0 || limit is < 1 or > MaxPage)
        {
            throw new BatonException(ErrorCodes.InvalidInput, "the page is not valid", $"skip must be 0 or more, limit 1 to {MaxPage}", "correct them");
        }
        TaskState? state = status is null ? mine ? TaskState.Open : null
            : Enum.TryParse<TaskState>(status, ignoreCase: true, out var known) && char.IsAsciiLetter(status[0]) ? known
            : throw new BatonException(ErrorCodes.InvalidInput, $"there is no status '{status}'", null, "give open, completed, expired or cancelled");
        var (items, total) = await store.ListAsync(new(skip, limit) { State = state, Assignee = assignee, Run = run, Allowed = caller.FlowsFor(Permissions.TasksRead), For = mine ? TaskActor.Of(caller) : null }, cancel);
        return new([.. items.Select(TaskView.From)], total, skip, limit);
    }

    private static async Task<TaskDetail> ShowAsync(Guid id, Caller caller, TaskStore store, CancellationToken cancel)
    {
        var task = await store.GetAsync(id, cancel);
        caller.Demand(Permissions.TasksRead, task);
        return new(TaskView.From(task), [.. (await store.HistoryAsync(id, cancel)).Select(entry => new TaskEntryView(entry.At, entry.By, entry.Kind, entry.Text))]);
    }

    /// <param name="body">kind (approval or task), and what the function of that name takes.</param>
    private static async Task<IResult> CreateAsync(JsonElement? body, Caller caller, TaskStore store, AuditDraft draft, CancellationToken cancel)
    {
        var question = body is { } given ? JqValue.From(given) : JqValue.Null;
        if (question.Kind != JqKind.Object || !question["kind"].TryGetString(out var text) || !Enum.TryParse<TaskKind>(text, ignoreCase: true, out var kind) || !char.IsAsciiLetter(text[0]))
        {
            throw new BatonException(ErrorCodes.InvalidInput, "the task has no kind", null, "give kind: approval or task");
        }
        var arguments = JqValue.FromObject(question.EnumerateObject().Where(member => member.Key != "kind"));
        var task = await store.CreateAsync(kind, arguments, new($"api/{Guid.CreateVersion7():N}", caller.Name), cancel);
        draft.Target = $"task/{task.Id}";
        return Results.Created($"/api/v1/tasks/{task.Id}", TaskView.From(task));
    }

    private static async Task<TaskLinkView> LinkAsync(Guid id, TaskLinkBody body, Caller caller, TaskLinks links, BatonSettings settings, HttpRequest request, CancellationToken cancel)
    {
        var validFor = TimeSpan.FromDays(3);
        if (body.ValidFor is { } text && !FlowDurations.TryParse(text, out validFor))
        {
            throw new BatonException(ErrorCodes.InvalidInput, $"validFor is no duration: {text}", null, "give an ISO 8601 duration such as P3D");
        }
        var (token, expires) = await links.CreateAsync(id, body.User ?? "", validFor, caller, cancel);
        return new(new Uri(settings.Http.PublicUrl ?? new Uri($"{request.Scheme}://{request.Host}"), TaskLinks.Path + token).ToString(), expires);
    }

    private static async Task<TaskView> ChangeAsync(TaskStore store, Caller caller, string permission, Guid id, Action<TaskStep> change, CancellationToken cancel) =>
        TaskView.From(await store.ChangeAsync(
            id,
            step =>
            {
                caller.Demand(permission, step.Task);
                change(step);
            },
            cancel));

    private static string Required(string? text, string name) => !string.IsNullOrWhiteSpace(text) ? text : throw new BatonException(ErrorCodes.InvalidInput, $"{name} is missing", null, $"give {name}");

    /// <exception cref="BatonException">It is too long.</exception>
    public static string? Comment(string? text) => string.IsNullOrWhiteSpace(text) ? null
        : text.Length <= MaxComment ? text : throw new BatonException(ErrorCodes.InvalidInput, "the comment is too long", $"it has {text.Length} characters, and may have {MaxComment}", "shorten it");
}
