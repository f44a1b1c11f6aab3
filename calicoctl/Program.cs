using Calico.Cli;
using Calico.Cli.Connection;
using Calico.Datastore.Etcd;
using Microsoft.Extensions.Logging.Abstractions;

// Ctrl-C ends the process as it is: every write is one transaction, and a handler would cost a thread at each start.
return await CliApplication.RunAsync(args, new CliEnvironment
{
    Output = Console.Out,
    Error = Console.Error,
    Input = Console.In,
    Variable = Environment.GetEnvironmentVariable,
    OpenStore = Open,
}, CancellationToken.None);

static EtcdStore Open(StoreSettings settings) => new(new()
{
    Endpoints = [.. settings.Endpoints],
    CaFile = settings.CaFile,
    CertFile = settings.CertFile,
    KeyFile = settings.KeyFile,
    Username = settings.Username,
    Password = settings.Password,
}, TimeProvider.System, NullLogger.Instance);
