using Baton.Durable.Hosting;
using Temporalio.Api.WorkflowService.V1;

namespace Baton.Durable.Execution;

/// <summary>
/// A workflow task's completion that is too large for one request comes in pages: numbered from 0, each but the last marked as intermediate.
/// They are in memory only; a worker whose pages were lost is told so and sends them again.
/// </summary>
internal sealed class CompletionPages
{
    private readonly List<RespondWorkflowTaskCompletedRequest> pages = [];
    private long task;

    public bool IsPinned => pages.Count > 0;

    /// <param name="startedTime">When the task was started, which no other of the run shares.</param>
    /// <param name="limit">Bytes that all pages may have together.</param>
    /// <returns>The whole completion with its last page; null before.</returns>
    /// <exception cref="ServiceException">A page before this one is not here, or there is too much.</exception>
    public RespondWorkflowTaskCompletedRequest? Gather(long startedTime, RespondWorkflowTaskCompletedRequest page, long limit)
    {
        if (startedTime != task)
        {
            pages.Clear();
            task = startedTime;
        }

        if (page.PageNumber < 0 || page.PageNumber > pages.Count)
        {
            throw ServiceErrors.WorkflowTaskCompletionBufferLost($"Page {page.PageNumber} of the workflow task's completion came, but {pages.Count} are here before it: send all from page 0 on.");
        }

        // A page that comes again takes the place of what it was, and of what came after it.
        pages.RemoveRange(page.PageNumber, pages.Count - page.PageNumber);
        if (page.IntermediatePage)
        {
            pages.Add(page);
            return pages.Sum(static part => (long)part.CalculateSize()) <= limit
                ? null
                : throw ServiceErrors.InvalidArgument($"The pages of the workflow task's completion exceed the limit of {limit} bytes.");
        }

        if (pages.Count == 0)
        {
            return page;
        }

        var whole = page.Clone();
        whole.Commands.Clear();
        whole.Messages.Clear();
        foreach (var part in pages.Append(page))
        {
            whole.Commands.AddRange(part.Commands);
            whole.Messages.AddRange(part.Messages);
            foreach (var (id, result) in part.QueryResults)
            {
                whole.QueryResults[id] = result;
            }
        }

        pages.Clear();
        return whole;
    }
}
