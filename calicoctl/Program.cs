using Calico.Cli;
using Calico.Cli.Connection;
using Calico.Datastore.Etcd;
using Microsoft.Extensions.Logging.Abstractions;

using var interrupt = new CancellationTokenSource();
Console.CancelKeyPress += (_, e) =>
{
    // The first Ctrl-C ends the command in order, a second one ends the process.
    e.Cancel = !interrupt.IsCancellationRequested;
    interrupt.Cancel();
};

return await CliApplication.RunAsync(args, new CliEnvironment
{
    Output = Console.Out,
    Error = Console.Error,
    Input = Console.In,
    Variable = Environment.GetEnvironmentVariable,
    OpenStore = Open,
}, interrupt.Token);

static EtcdStore Open(StoreSettings settings) => new(new()
{
    Endpoints = [.. settings.Endpoints],
    CaFile = settings.CaFile,
    CertFile = settings.CertFile,
    KeyFile = settings.KeyFile,
    Username = settings.Username,
    Password = settings.Password,
}, TimeProvider.System, NullLogger.Instance);
