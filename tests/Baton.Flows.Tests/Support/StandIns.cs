using System.Net;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Baton.Flows.Tests.Support;

/// <summary>
/// Local stand-ins for public services, on loopback. Requests of flows to these hosts are led here by
/// <see cref="Redirect"/>; any other host is reached as it is. Every request is kept in <see cref="Requests"/>.
/// </summary>
public sealed class StandIns : IAsyncDisposable
{
    private readonly WebApplication _app;

    private StandIns(WebApplication app) => _app = app;

    /// <summary>Requests so far: method, host, path with query, and headers.</summary>
    public System.Collections.Concurrent.ConcurrentQueue<SeenRequest> Requests { get; } = new();

    public Uri Address { get; private set; } = null!;

    public static async Task<StandIns> StartAsync(Action<StandIns, WebApplication>? more = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.ConfigureKestrel(o => o.Listen(IPAddress.Loopback, 0));
        builder.Logging.ClearProviders();
        var app = builder.Build();
        var standIns = new StandIns(app);
        app.Use(async (context, next) =>
        {
            context.Request.EnableBuffering();
            using var reader = new StreamReader(context.Request.Body, Encoding.UTF8, leaveOpen: true);
            var body = await reader.ReadToEndAsync();
            context.Request.Body.Position = 0;
            standIns.Requests.Enqueue(new SeenRequest(context.Request.Method, context.Request.Host.Host, context.Request.Path + context.Request.QueryString,
                context.Request.Headers.ToDictionary(h => h.Key, h => h.Value.ToString(), StringComparer.OrdinalIgnoreCase), body));
            await next();
        });
        PetStore.Map(app);
        HttpBin.Map(app);
        more?.Invoke(standIns, app);
        await app.StartAsync();
        standIns.Address = new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());
        return standIns;
    }

    /// <summary>Sends requests to hosts that do not exist here to the stand-ins, which tell them apart by the Host header.</summary>
    public HttpMessageHandler Redirect(HttpMessageHandler inner) => new Redirector(this) { InnerHandler = inner };

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();

    private sealed class Redirector(StandIns owner) : DelegatingHandler
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var uri = request.RequestUri!;
            if (uri.HostNameType != UriHostNameType.Dns || uri.Host == "localhost")
            {
                return await base.SendAsync(request, cancellationToken);
            }
            request.Headers.Host = uri.Host;
            request.RequestUri = new UriBuilder(uri) { Scheme = "http", Host = owner.Address.Host, Port = owner.Address.Port }.Uri;
            try
            {
                return await base.SendAsync(request, cancellationToken);
            }
            finally
            {
                request.RequestUri = uri;
            }
        }
    }
}

public sealed record SeenRequest(string Method, string Host, string Path, IReadOnlyDictionary<string, string> Headers, string Body);

/// <summary>What the conformance kit asks of petstore.swagger.io.</summary>
internal static class PetStore
{
    private const string Host = "petstore.swagger.io";

    public static void Map(WebApplication app)
    {
        app.MapGet("/v2/pet/{id:long}", (long id) => Pet(id)).RequireHost(Host);
        app.MapGet("/v2/pet/findByStatus", (string? status) => Results.Json(new[] { 1, 2, 3 }.Select(id => new { id, name = $"pet {id}", status = status ?? "available" }))).RequireHost(Host);
        app.MapGet("/v2/swagger.json", () => Results.Text(Swagger, "application/json")).RequireHost(Host);
    }

    private static IResult Pet(long id) => id < 1000 ? Results.Json(new { id, name = $"pet {id}", status = "available" }) : Results.Json(new { code = 1, message = "Pet not found" }, statusCode: 404);

    private const string Swagger = """
        {"swagger":"2.0","info":{"title":"pets","version":"1"},"host":"petstore.swagger.io","basePath":"/v2","schemes":["https","http"],"paths":{
         "/pet/findByStatus":{"get":{"operationId":"findPetsByStatus","parameters":[
           {"name":"status","in":"query","required":true,"type":"array","items":{"type":"string"},"collectionFormat":"multi"}],"responses":{"200":{"description":"ok"}}}},
         "/pet/{petId}":{"get":{"operationId":"getPetById","parameters":[{"name":"petId","in":"path","required":true,"type":"integer"}],"responses":{"200":{"description":"ok"}}}}}}
        """;
}

/// <summary>What the conformance kit and our scenarios ask of httpbin.org.</summary>
internal static class HttpBin
{
    private const string Host = "httpbin.org";

    public static void Map(WebApplication app)
    {
        app.MapGet("/basic-auth/{user}/{password}", (HttpContext context, string user, string password) =>
            context.Request.Headers.Authorization == "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{password}"))
                ? Results.Json(new { authenticated = true, user })
                : Results.Unauthorized()).RequireHost(Host);
    }
}
