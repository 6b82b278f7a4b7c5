# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
# draw.rb NAME: as draw.py, for Ruby.
require 'openssl'
require 'securerandom'
path = "/run/draw/#{ARGV[0]}"
own = Random.new
draws = {
  'rand' => -> { rand(2**62) }, 'Random.new' => -> { own.rand(2**62) },
  'SecureRandom' => -> { SecureRandom.hex(8) },
  'OpenSSL::Random' => -> { OpenSSL::Random.random_bytes(8).unpack1('H*') }
}
draws.each_value(&:call)
loop do
  File.read("#{path}.in")
  File.write("#{path}.new", draws.map { |what, draw| "#{what} #{draw.call}\n" }.join)
  File.rename("#{path}.new", "#{path}.out")
end
