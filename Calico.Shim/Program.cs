using System.Reflection;
using Calico.Shim;
using Calico.Shim.Wire;

var name = Environment.GetCommandLineArgs()[0];
name = name[(name.LastIndexOf('/') + 1)..];
if (args is ["-v"] or ["--version"])
{
    var version = typeof(Answer).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;
    Answer.Print(version.Split('+')[0] + "\n");
    return 0;
}

return name switch
{
    "calico-ipam" => new PluginCall(ShimRole.Ipam, test: args is ["-t"]).Run(),
    "calico_mesos" => new MesosCall(args).Run(),
    _ => new PluginCall(ShimRole.Network, test: args is ["-t"]).Run(),
};
