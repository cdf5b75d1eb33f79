using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Http;

namespace Baton.Server.Tasks;

/// <summary>The small page behind a link: works without scripts, and shows nothing to third parties.</summary>
internal static class TaskLinkPage
{
    /// <summary>What is asked, with a form that decides.</summary>
    public static IResult Question(HumanTask task, string user) => Page(task.Title, $"""
        <p>{Text($"Asked by {task.Requester ?? "Baton"}, for {user}.")}</p>
        <pre>{Text(task.Description ?? "")}</pre>
        {(task.Data.IsNull ? "" : $"<pre>{Text(task.Data.ToJson())}</pre>")}
        {string.Concat(task.Attachments.Select(link => $"<p><a rel=\"noreferrer\" href=\"{Text(link.Url)}\">{Text(link.Name)}</a></p>"))}
        <form method="post">
        <p><textarea name="comment" rows="3" cols="50" maxlength="2000" placeholder="Comment"></textarea></p>
        <p><button name="decision" value="approve">Approve</button> <button name="decision" value="reject">Reject</button></p>
        </form>
        """);

    public static IResult Done(HumanTask task) => Page(task.Title, $"<p>{Text(task.Outcome is { } outcome ? $"Thank you. The task is {outcome}." : "Thank you. Others are still asked.")}</p>");

    private static IResult Page(string title, string body) => new Html($"""
        <!doctype html>
        <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="robots" content="noindex"><title>{Text(title)}</title></head>
        <body><h1>{Text(title)}</h1>
        {body}
        </body></html>
        """);

    private static string Text(string text) => HtmlEncoder.Default.Encode(text);

    private sealed class Html(string page) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext)
        {
            var headers = httpContext.Response.Headers;
            headers.CacheControl = "no-store";
            headers.ContentSecurityPolicy = "default-src 'none'; form-action 'self'; frame-ancestors 'none'";
            headers["Referrer-Policy"] = "no-referrer";
            headers.XContentTypeOptions = "nosniff";
            httpContext.Response.ContentType = "text/html; charset=utf-8";
            return httpContext.Response.WriteAsync(page);
        }
    }
}
