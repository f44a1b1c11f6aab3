using System.Reflection;
using System.Text.Json;
using Calico.Host.Plugins;
using Calico.Plugins.Cni;
using Microsoft.Extensions.Hosting;
using NUnit.Framework;
using YamlDotNet.RepresentationModel;

namespace Calico.UnitTests.Host.Plugins;

/// <summary>Which assemblies of an adapter are its own.</summary>
[TestFixture]
public sealed class AdapterLoadContextTests
{
    private const string Target = ".NETCoreApp,Version=v10.0";

    private DirectoryInfo _folder = null!;

    private string Main => Path.Combine(_folder.FullName, "Plugins.Cni.dll");

    [SetUp]
    public void LayDown()
    {
        // An adapter that brings along, of what the host has too, a contract's assembly and a library.
        _folder = Directory.CreateTempSubdirectory("calico-context-");
        var names = new List<string>();
        foreach (var type in new[] { typeof(CniPlugin), typeof(IHostedService), typeof(IOrchestratorPlugin), typeof(YamlStream) })
        {
            var assembly = type.Assembly;
            File.Copy(assembly.Location, Path.Combine(_folder.FullName, Path.GetFileName(assembly.Location)));
            names.Add(assembly.GetName().Name!);
        }

        var targets = string.Join(',', names.Select(n => $$"""  "{{n}}/1.0.0": { "runtime": { "{{n}}.dll": {} } } """));
        var libraries = string.Join(',',
            names.Select(n => $$"""  "{{n}}/1.0.0": { "type": "project", "serviceable": false, "sha512": "" } """));
        File.WriteAllText(Path.ChangeExtension(Main, ".deps.json"),
            $$"""
            { "runtimeTarget": { "name": "{{Target}}" }, "targets": { "{{Target}}": { {{targets}} } }, "libraries": { {{libraries}} } }
            """);
    }

    [TearDown]
    public void Remove() => _folder.Delete(recursive: true);

    [Test]
    public void The_contracts_are_the_hosts_and_its_libraries_its_own()
    {
        var context = new AdapterLoadContext(Main);
        var plugin = context.LoadMain().GetExportedTypes().Single(t => t.Name == nameof(CniPlugin));
        Assert.That(plugin, Is.Not.EqualTo(typeof(CniPlugin)), "loaded from its folder");
        Assert.That(typeof(IOrchestratorPlugin).IsAssignableFrom(plugin), "as the host knows it");
        Assert.That(Load(context, typeof(IHostedService)), Is.SameAs(typeof(IHostedService).Assembly),
            "handed over by the contracts, whatever lies in the folder");
        Assert.That(Load(context, typeof(YamlStream)), Is.Not.SameAs(typeof(YamlStream).Assembly),
            "its own, although the host has one of that name");
        Assert.That(Load(context, typeof(YamlStream)).Location, Does.StartWith(_folder.FullName));
        Assert.That(Load(context, typeof(JsonDocument)), Is.SameAs(typeof(JsonDocument).Assembly), "the framework is the runtime's");
    }

    [Test]
    public void Two_adapters_share_no_library()
    {
        var (one, other) = (new AdapterLoadContext(Main), new AdapterLoadContext(Main));
        Assert.That(Load(one, typeof(YamlStream)), Is.Not.SameAs(Load(other, typeof(YamlStream))));
    }

    [Test]
    public void What_lies_beside_it_is_its_own_though_no_list_names_it()
    {
        var library = typeof(Google.Protobuf.IMessage).Assembly;
        File.Copy(library.Location, Path.Combine(_folder.FullName, Path.GetFileName(library.Location)));
        Assert.That(Load(new(Main), typeof(Google.Protobuf.IMessage)).Location, Does.StartWith(_folder.FullName));
    }

    [Test]
    public void What_nobody_has_is_said()
    {
        var context = new AdapterLoadContext(Main);
        Assert.That(() => context.LoadFromAssemblyName(new("Nobody.Has.It")),
            Throws.InstanceOf<FileNotFoundException>().With.Message.Contains("Nobody.Has.It"));
    }

    private static Assembly Load(AdapterLoadContext context, Type type) => context.LoadFromAssemblyName(type.Assembly.GetName());
}
