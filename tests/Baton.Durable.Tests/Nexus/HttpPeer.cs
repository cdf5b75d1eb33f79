using System.Threading.Channels;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Baton.Durable.Tests.Nexus;

/// <summary>A scripted HTTP server: keeps every request, and answers each with the next answer of its script, the last one for ever.</summary>
internal sealed class HttpPeer : IAsyncDisposable
{
    private readonly Channel<Call> calls = Channel.CreateUnbounded<Call>();
    private readonly Queue<Func<HttpContext, Task>> script;
    private readonly WebApplication app;

    private HttpPeer(IEnumerable<Func<HttpContext, Task>> answers)
    {
        script = new(answers);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        app = builder.Build();
        app.Run(AnswerAsync);
    }

    public string Url { get; private set; } = "";

    public static async Task<HttpPeer> StartAsync(params IEnumerable<Func<HttpContext, Task>> answers)
    {
        var peer = new HttpPeer(answers);
        await peer.app.StartAsync(TestContext.Current.CancellationToken);
        peer.Url = peer.app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();
        return peer;
    }

    public static Func<HttpContext, Task> Answer(int status, string body = "", params (string Name, string Value)[] headers) => context =>
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        foreach (var (name, value) in headers)
        {
            context.Response.Headers[name] = value;
        }

        return context.Response.WriteAsync(body);
    };

    /// <summary>The next request, waited for.</summary>
    public ValueTask<Call> NextAsync() => calls.Reader.ReadAsync(TestContext.Current.CancellationToken);

    public ValueTask DisposeAsync() => app.DisposeAsync();

    private async Task AnswerAsync(HttpContext context)
    {
        using var reader = new StreamReader(context.Request.Body);
        var headers = context.Request.Headers.ToDictionary(header => header.Key, header => header.Value.ToString(), StringComparer.OrdinalIgnoreCase);
        var answer = script.Count > 1 ? script.Dequeue() : script.Peek();
        await calls.Writer.WriteAsync(new(context.Request.Path, context.Request.QueryString.Value ?? "", headers, await reader.ReadToEndAsync()));
        await answer(context);
    }

    internal sealed record Call(string Path, string Query, IReadOnlyDictionary<string, string> Headers, string Body);
}
