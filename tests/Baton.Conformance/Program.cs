using Baton.Conformance.Kill;

// The kill tests need a worker in a process of its own to kill; this assembly is it.
if (args is [KillWorker.Argument, var address, var taskQueue, var ledger])
{
    await KillWorker.RunAsync(address, taskQueue, ledger);
    return 0;
}
return args.Contains("--server") || args.Contains("--internal-msbuild-node")
    ? await Xunit.MicrosoftTestingPlatform.TestPlatformTestFramework.RunAsync(args, Baton.Conformance.SelfRegisteredExtensions.AddSelfRegisteredExtensions)
    : await Xunit.Runner.InProc.SystemConsole.ConsoleRunner.Run(args);
